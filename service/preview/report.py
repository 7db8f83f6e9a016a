"""The report of a preview: sums in the order in which people ask for them, with names, the largest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from service.core import windows
from service.core.ranks import Move, Score, moves
from service.core.rule import Rule
from service.preview.changes import Change
from service.preview.sums import Badge, Sums
from service.preview.told import BadgeChange, BoardChange, BoardMove, Difference, Ground, Report, RuleChange, Who
from service.store import badges, identity, scores
from service.store.engine import Driver
from service.store.rules import Ruleset, Version
from service.store.scoring import Counted

SHOWN = 100
"""Gains, losses and badges that a report lists; it counts all of them."""
TOP = 10
"""Places of a board, and moves on it, that a report lists."""

Net = Mapping[int, Mapping[str, int]]
"""What is different for each learner, by unit, without what comes to nothing."""


def reported(connection: Driver, ground: Ground, ruleset: Ruleset, changes: Sequence[Change], sums: Sums) -> Report:
    """What these sums tell, looking up in the same snapshot what people and boards are called and have."""
    versions = {version.number: version for version in ruleset.versions}
    versions |= {change.number: change.after for change in changes if change.after}
    net = {learner: _without_zeros(amounts) for learner, amounts in sums.learners.items()}
    up, down = _of_sign(net, 1), _of_sign(net, -1)
    moved = [(award, amount) for award, amount in sorted(sums.badges.items()) if amount]
    on_boards = list(_boards(connection, sums))
    named = {*_largest(up), *_largest(down), *(award[0] for award, _ in moved[:SHOWN])}
    named |= {move.learner for board in on_boards for move in (*board.movers, *board.leaders)}
    who = {number: Who(str(number), name) for number, name in identity.names(connection, named).items()}
    return Report(
        ground,
        [_rule(change, *sums.given.get(change.number, (Counter(), Counter()))) for change in changes],
        sorted(versions[number].rule.name for number in sums.others - {change.number for change in changes}),
        len(up),
        len(down),
        _summed(up),
        _summed(down),
        [Difference(who[learner], dict(up[learner])) for learner in _largest(up)],
        [Difference(who[learner], dict(down[learner])) for learner in _largest(down)],
        sum(amount > 0 for _, amount in moved),
        sum(amount < 0 for _, amount in moved),
        list(_badges(connection, versions, moved[:SHOWN], who)),
        [_board(board, who) for board in on_boards],
    )


def _without_zeros(amounts: Mapping[str, int]) -> dict[str, int]:
    return {unit: amount for unit, amount in sorted(amounts.items()) if amount}


def _of_sign(net: Net, sign: int) -> Net:
    """What there is more (1) or less (-1) of, for those who have any."""
    found = {
        learner: {unit: amount for unit, amount in amounts.items() if sign * amount > 0}
        for learner, amounts in net.items()
    }
    return {learner: amounts for learner, amounts in found.items() if amounts}


def _largest(net: Net) -> list[int]:
    """Those who are concerned most, as many as are shown."""
    return sorted(net, key=lambda learner: (-sum(map(abs, net[learner].values())), learner))[:SHOWN]


def _summed(net: Net) -> dict[str, int]:
    found: Counter[str] = Counter()
    for amounts in net.values():
        for unit, amount in amounts.items():
            found[unit] += amount
    return dict(sorted(found.items()))


def _rule(change: Change, before: Counter[str], after: Counter[str]) -> RuleChange:
    return RuleChange(
        change.name,
        change.kind,
        change.before.version if change.before else None,
        change.as_if_live,
        before[""],
        after[""],
        _without_zeros({unit: amount for unit, amount in before.items() if unit}),
        _without_zeros({unit: amount for unit, amount in after.items() if unit}),
    )


# --- badges -------------------------------------------------------------------------------------------------------


def _badges(
    connection: Driver, versions: Mapping[int, Version], moved: Iterable[tuple[Badge, int]], who: Mapping[int, Who]
) -> Iterator[BadgeChange]:
    known = badges.states(connection, [award for award, amount in moved if amount < 0])
    for award, amount in moved:
        learner, number, _, achievement = award
        rule = versions[number].rule
        then = "offered" if amount > 0 else _undone(rule, known.get(award, ""))
        yield BadgeChange(who[learner], rule.name, achievement, amount > 0, then)


def _undone(rule: Rule, state: str) -> str:
    """What becomes of a badge that loses its ground."""
    return (
        {"revoke": "revoked", "keep": "kept", "ask": "reviewed"}[rule.if_undone] if state == "claimed" else "withdrawn"
    )


# --- boards -------------------------------------------------------------------------------------------------------


class _Moved(NamedTuple):
    """A board with its current period: how many move on it, who moves furthest, who leads, and other periods."""

    counted: Counted
    period: int
    learners: int
    movers: list[Move]
    leaders: list[Move]
    others: int


def _boards(connection: Driver, sums: Sums) -> Iterator[_Moved]:
    """The boards on which anything changes."""
    for _, counted in sums.boards:
        current, others = sums.current[counted.number], sums.other_periods(counted.number)
        changed = {learner: score for learner, score in sums.scores[counted.number].items() if score.points}
        if changed or others:
            moved = _moves(connection, counted, current, changed)
            movers = sorted((move for move in moved if move.before != move.after), key=lambda move: -move.distance)
            leaders = [move for move in moved if move.after is not None and move.after <= TOP]
            yield _Moved(counted, current, len(moved), movers[:TOP], leaders[:TOP], others)


def _moves(connection: Driver, counted: Counted, period: int, changed: Mapping[int, Score]) -> list[Move]:
    before = scores.shown(connection, counted.number, counted.board, period)
    seen = identity.shown(connection, counted.board.who == "opted_in", list(changed))
    return moves(
        {learner: Score(*score) for learner, score in before.items()},
        {learner: score for learner, score in changed.items() if learner in seen},
        counted.board.ties,
    )


def _board(moved: _Moved, who: Mapping[int, Who]) -> BoardChange:
    board = moved.counted.board
    movers, leaders = (
        [BoardMove(who[one.learner], *one[1:]) for one in some] for some in (moved.movers, moved.leaders)
    )
    period = windows.label(board.period, moved.period)
    return BoardChange(board.name, board.title, period, moved.learners, movers, leaders, moved.others)
