"""`plaudit verify`: everything evaluated from nothing, compared with what is booked. It writes nothing.

All of it is read from one snapshot, so it may run while the service works. Matches go through a temporary table that
the database sorts by group, so memory does not grow with history.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine

from service.core import derived, evaluate, windows
from service.core.attempts import race
from service.core.derived import Line
from service.core.evaluate import Award
from service.core.ledger import differences
from service.core.versions import Judged
from service.errors import Refusal
from service.store import folds, history, identity, inbox, ledger, matches, rules, scoring, swaps
from service.store import people as decided
from service.store.engine import Driver, driver
from service.store.folds import Standing
from service.store.matches import Group, Made
from service.world import Counting, People, World, candidates, found, parts, world

GROUPS = 500
"""Groups compared at once."""
TRIES, SECONDS_BETWEEN = 120, 0.5


@dataclass
class Report:
    """What was evaluated, and each thing that is not as evaluating from nothing has it, in words."""

    statements: int = 0
    matches: int = 0
    awards: int = 0
    differences: list[str] = field(default_factory=list)


def verify(engine: Engine, progress: Callable[[int], None] = lambda _: None) -> Report:
    """Evaluates everything from nothing. progress: called with the number of statements read so far.

    A void that is stored and not evaluated yet may or may not have had its effect, and so may a rule that is being
    counted again. So a snapshot without either is awaited for up to a minute; Refusal if there is none.
    """
    for _ in range(TRIES):
        report = _verify(engine, progress)
        if isinstance(report, Report):
            return report
        time.sleep(SECONDS_BETWEEN)
    raise Refusal(f"{report}. Start a worker, or try again in a moment.")


def _verify(engine: Engine, progress: Callable[[int], None]) -> Report | str:
    """The report, or what it must wait for, in words."""
    report = Report()
    snapshot = engine.connect().execution_options(isolation_level="REPEATABLE READ")
    with snapshot as connection, connection.begin() as transaction:
        beneath = driver(connection)
        if inbox.voids_waiting(beneath):
            return "Voided statements are waiting to be evaluated"
        here, pending = world(beneath), rules.pending(beneath)
        stopped = {one.number: one.problem for one in pending if one.problem is not None}
        if names := sorted({here.counting[one.number].rule.name for one in pending if one.problem is None}):
            return f"Rules are being counted again: {', '.join(names)}"
        for number, problem in stopped.items():
            name = here.counting[number].rule.name
            report.differences.append(f"rule {name}: history cannot be counted again by it: {problem}")
        people = People(here, identity.everybody(beneath))
        _compare_people(beneath, report)
        _match(beneath, here, people, report, progress)
        _compare_matches(beneath, here, stopped, report)
        _compare_groups(beneath, here, people, report)
        _compare_derived(beneath, here, people, report)
        _compare_sums(beneath, here, report)
        transaction.rollback()
    return report


def _compare_people(connection: Driver, report: Report) -> None:
    """Who goes by whom, and whose the identifiers are, against the merges in force."""
    wanted, standing = decided.wanted(connection), decided.standing(connection)
    for learner in sorted(wanted.keys() | standing.keys()):
        person, goes_by = wanted.get(learner, learner), standing.get(learner, learner)
        if person != goes_by:
            report.differences.append(f"learner {learner}: goes by {goes_by}, merges say {person}")
    for key, learner, person in connection.execute(
        "SELECT key, learner, coalesce(l.merged_into, l.id) FROM identifier i JOIN learner l ON l.id = "
        "coalesce(i.home, i.learner) WHERE i.learner <> coalesce(l.merged_into, l.id)"
    ):
        report.differences.append(f"identifier {key}: is that of learner {learner}, merges say {person}")


def _match(connection: Driver, here: World, people: People, report: Report, progress: Callable[[int], None]) -> None:
    matches.temporary(connection, "fresh")
    connection.execute("CREATE TEMPORARY TABLE took_part (LIKE part INCLUDING INDEXES) ON COMMIT DROP")
    for chunk in history.everything(connection):
        facts = [claimed.fact for claimed in chunk if not claimed.voided or claimed.fact.statement.voids is not None]
        met = parts(claimed.fact for claimed in chunk)
        here.known.learners = identity.known(connection, [part.key for part in met])
        homes = identity.homes(connection, [part.key for part in met])
        decided.took_part(
            connection, {(homes[part.key], part.fact.happened, part.fact.id) for part in met}, table="took_part"
        )
        made = found(candidates(here, facts), people)
        if made:
            matches.add(connection, made, table="fresh")
        report.statements += len(chunk)
        report.matches += len(made)
        progress(report.statements)
    connection.execute("CREATE INDEX ON fresh (rule, learner)")
    swaps.settle_all(connection, here.swaps, here.zones(people), "fresh")
    for table, other in (("part", "took_part"), ("took_part", "part")):
        for learner, _, statement in connection.execute(f"TABLE {table} EXCEPT TABLE {other}"):
            report.differences.append(f"learner {learner}: part in statement {statement} is noted only in {table}")


DIFFERENT = """
SELECT rule, learner, happened, statement, making
FROM (SELECT {columns} FROM {one} EXCEPT SELECT {columns} FROM {other}) AS d WHERE rule <> ALL(%b::int[])
"""
COLUMNS = {
    "match": "rule, learner, happened, statement, making, once, detail, swapped",
    "match_pair": "rule, learner, happened, statement, making, other, guarded",
}


def _compare_matches(connection: Driver, here: World, stopped: Iterable[int], report: Report) -> None:
    """The matches that are kept against those made just now. stopped: rules of which some are not there yet.

    What is kept of a time that is not a version's own any more does no harm.
    """
    judges = {
        (judge.version.number, making): judge
        for one in here.counting.values()
        for judge in one.judges
        for making in judge.makings
    }
    for table, columns in COLUMNS.items():
        fresh = table.replace("match", "fresh")
        for one, other, told in ((fresh, table, "is not kept"), (table, fresh, "is kept, and there is none")):
            asked = DIFFERENT.format(columns=columns, one=one, other=other).encode()
            for rule, learner, happened, statement, making in connection.execute(asked, [list(stopped)], binary=True):
                judge = judges.get((rule, making))
                if one == fresh or judge is None or judge.looks_at(happened):
                    name = here.counting[rule].rule.name
                    report.differences.append(f"rule {name}, learner {learner}: {table} of {statement} {told}")


def _compare_groups(connection: Driver, here: World, people: People, report: Report) -> None:
    connection.execute(EARNED)
    among = {rule: _among(connection, here, people, rule) for rule in here.races}
    counted = [number for number, counting in here.counting.items() if not counting.derived]
    for groups in _batches(matches.grouped(connection, counted, "fresh"), GROUPS):
        have = ledger.booked(connection, [group for group, _ in groups])
        kept = folds.of_groups(connection, [group for group, _ in groups])
        awards: list[Award] = []
        for group, of_group in groups:
            judged = _judged(here, people, group, of_group)
            _compare_fold(here, group, of_group, judged, kept.get(group), report)
            outrun = group[1] not in among.get(group[0], (group[1],))
            awards += _compare(here, group, () if outrun else judged.awards, have[group], report)
        if here.strata.steps:
            _keep(connection, awards)
    orphans = connection.execute(
        "SELECT rule, learner, unit, sum(amount) FROM entry e "
        "WHERE NOT EXISTS (SELECT FROM fresh f WHERE f.rule = e.rule AND f.learner = e.learner) "
        "AND rule <> ALL(%b::int[]) GROUP BY rule, learner, key, happened, unit HAVING sum(amount) <> 0",
        [sorted(here.counting.keys() - set(counted))],
    )
    for rule, learner, unit, amount in orphans:
        name = here.counting[rule].rule.name
        report.differences.append(f"rule {name}, learner {learner}: {amount} {unit} booked without any match")

    for rule, learner in connection.execute(
        "SELECT rule, learner FROM fold k WHERE rule = ANY(%b) AND NOT EXISTS "
        "(SELECT FROM fresh f WHERE f.rule = k.rule AND f.learner = k.learner AND NOT f.swapped)",
        [[number for number in counted if here.counting[number].last.version.until is None]],
    ):
        name = here.counting[rule].rule.name
        report.differences.append(f"rule {name}, learner {learner}: a fold is kept without any match")


def _compare_fold(
    here: World, group: Group, made: Made, judged: Judged, kept: Standing | None, report: Report
) -> None:  # fmt: skip
    """The state that is kept of a group against what its matches come to.

    Of a rule that has ended it may stand after the end: nothing goes on from it.
    """
    counting = here.counting[group[0]]
    if counting.last.version.until is not None:
        return
    last = made.get(counting.making, ()) if counting.folds and counting.last.remembers else ()
    wanted = (last[-1].happened, last[-1].statement, judged.state) if last else None
    kind = type(counting.last.rule.kind)
    have = (kept.happened, kept.statement, folds.decode(kind, kept.state)) if kept else None
    if have != wanted:
        lacks = "is not kept" if have is None else "is kept, and there is none" if wanted is None else "is another"
        report.differences.append(f"rule {counting.rule.name}, learner {group[1]}: the fold {lacks}")


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _among(connection: Driver, here: World, people: People, rule: int) -> set[int]:
    """The learners who are among the first by this rule."""
    own = matches.grouped(connection, [rule], "fresh")
    entries = ((group[1], _judged(here, people, group, made).state.kind) for group, made in own)
    return race(here.races[rule], ((learner, entry) for learner, entry in entries if entry is not None))


def _judged(here: World, people: People, group: Group, made: Made) -> Judged:
    return here.counting[group[0]].judged(people.zone(group[1]), made)


def _compare(here: World, group: Group, awards: Sequence[Award], have: Any, report: Report) -> Sequence[Award]:
    counting = here.counting[group[0]]
    if not counting.folds:
        return ()
    _tell(report, group[1], counting, have, awards)
    return awards


def _tell(report: Report, learner: int, counting: Counting, have: Any, awards: Sequence[Award]) -> None:
    report.awards += len(awards)
    for line, amount, *_ in differences(have, awards):
        report.differences.append(
            f"rule {counting.rule.name}, learner {learner}, award {line.key} of {line.happened:%Y-%m-%d %H:%M:%S}: "
            f"{amount:+} {line.unit} to be booked"
        )


# --- what comes from awards ---------------------------------------------------------------------------------------

EARNED = """
CREATE TEMPORARY TABLE earned (learner bigint, rule text, key text, happened timestamptz, unit text, amount bigint)
ON COMMIT DROP
"""


def _keep(connection: Driver, awards: Iterable[Award]) -> None:
    """Puts awards aside, for the rules that read them."""
    lines = [(award.learner, *line[:5]) for award in awards for line in evaluate.lines_of(award)]
    if lines:
        connection.execute(
            "INSERT INTO earned SELECT * FROM unnest(%b::bigint[], %b::text[], %b::text[], %b::timestamptz[], "
            "%b::text[], %b::bigint[])",
            [list(column) for column in zip(*lines, strict=True)],
        )


def _compare_derived(connection: Driver, here: World, people: People, report: Report) -> None:
    """What rules that read awards give, from the awards put aside, learner by learner."""
    if not here.strata.steps:
        return
    connection.execute("CREATE INDEX ON earned (learner)")
    reading = {number: counting for number, counting in here.counting.items() if counting.derived}
    with connection.cursor("reading") as cursor:
        cursor.execute(
            "SELECT learner FROM earned UNION SELECT learner FROM fresh WHERE rule = ANY(%b) UNION "
            "SELECT learner FROM entry WHERE rule = ANY(%b) ORDER BY 1",
            [list(reading)] * 2,
        )
        for rows in _batches(cursor, GROUPS):
            _compare_readers(connection, here, people, reading, [learner for (learner,) in rows], report)


def _compare_readers(
    connection: Driver, here: World, people: People, reading: Mapping[int, Counting], learners: Sequence[int],
    report: Report,
) -> None:  # fmt: skip
    lines: dict[int, list[Line]] = {learner: [] for learner in learners}
    for learner, *line in connection.execute("SELECT * FROM earned WHERE learner = ANY(%b)", [learners]):
        lines[learner].append(Line(*line))
    groups = [(number, learner) for number in reading for learner in learners]
    own, have = matches.of_groups(connection, groups, "fresh"), ledger.booked(connection, groups)
    for learner in learners:
        settings = {one.rule.name: one.setting(one.matcher.zone(people, learner)) for one in reading.values()}
        needed = {one.rule.name: own[number, learner].get(one.making, ()) for number, one in reading.items()}
        found = derived.awards(here.strata, lambda rule: settings[rule.name], lines[learner], needed)  # noqa: B023
        awards = evaluate.awards_of(learner, found.lines)
        for number, counting in reading.items():
            if counting.folds:
                mine = [award for award in awards if award.rule == counting.rule.name]
                _tell(report, learner, counting, have[number, learner], mine)


# --- sums ---------------------------------------------------------------------------------------------------------


def _compare_sums(connection: Driver, here: World, report: Report) -> None:
    """Totals, scores and offers of badges against the ledger."""
    for learner, unit, booked, kept in connection.execute(
        "SELECT learner, unit, coalesce(e.amount, 0), coalesce(t.amount, 0) FROM "
        "(SELECT learner, unit, sum(amount) AS amount FROM entry WHERE unit NOT LIKE 'badge:%' GROUP BY 1, 2) e "
        "FULL JOIN total t USING (learner, unit) WHERE coalesce(e.amount, 0) <> coalesce(t.amount, 0)"
    ):
        report.differences.append(f"learner {learner}: total says {kept} {unit}, the ledger {booked}")
    for learner, rule, achievement in connection.execute(
        "SELECT learner, rule, achievement FROM "
        "(SELECT learner, rule, key, substr(unit, 7) AS achievement, sum(amount) AS amount FROM entry "
        "WHERE unit LIKE 'badge:%' GROUP BY 1, 2, 3, 4) e "
        "FULL JOIN badge_award b USING (learner, rule, key, achievement) "
        "WHERE (coalesce(e.amount, 0) > 0) <> (b.id IS NOT NULL AND b.undone IS NULL)"
    ):
        name = here.counting[rule].rule.name
        report.differences.append(
            f"rule {name}, learner {learner}: badge {achievement} is not offered as the ledger says"
        )
    wanted = {place: change.points for place, change in scoring.from_ledger(connection, here.ruleset.boards).items()}
    named = {counted.number: counted.board for counted in here.ruleset.boards}
    cursor = connection.execute(
        "SELECT board, period, learner, points FROM score WHERE points <> 0 AND board = ANY(%b)", [list(named)]
    )
    kept_scores = {scoring.Place(*row[:3]): row[3] for row in cursor}
    for place in sorted(wanted.keys() | kept_scores.keys()):
        if wanted.get(place, 0) != kept_scores.get(place, 0):
            board = named[place.board]
            report.differences.append(
                f"board {board.name}, {windows.label(board.period, place.period)}, learner {place.learner}: "
                f"score says {kept_scores.get(place, 0)}, the ledger {wanted.get(place, 0)}"
            )
