"""The laws are worth something: each of these faults, put into the core on purpose, is noticed in a bounded search."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from service.core import (
    agents,
    attempts,
    durations,
    evaluate,
    kinds,
    limits,
    matching,
    needs,
    predicates,
    purses,
    renewals,
    sequences,
    statement,
    strata,
    sums,
    swaps,
    windows,
)
from service.core.evaluate import State, Step
from service.core.kinds import Earned, Setting
from service.core.matching import Match
from service.core.rule import Best, Count, First, Measures, Steps, Streak, Sum
from tests.laws import derived
from tests.laws.histories import Scene, close_scenes, fixed_scenes, reading_scenes, scenes
from tests.laws.oracle import Json
from tests.laws.test_evaluate import awards

Patch = pytest.MonkeyPatch
SEARCH = settings(
    max_examples=1000,
    phases=[Phase.generate],
    database=None,
    deadline=None,
    derandomize=True,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


class Noticed(Exception):
    """The service and the oracle do not say the same."""


def check(scene: Scene) -> None:
    if awards(scene) != derived.awards(scene.rules, scene.deliveries, scene.world):
        raise Noticed


# --- faults in what counts -------------------------------------------------------------------------------------------


def a_hashed_address_is_somebody_else(patch: Patch) -> None:
    def keys(agent: Any) -> tuple[str, ...]:
        return tuple(
            f"hash:{one.mbox_sha1sum}" if one.mbox_sha1sum else str(agents.identifier(one))
            for one in agents.members(agent)
        )

    patch.setattr(predicates, "keys", keys)


def only_the_first_of_a_group_receives(patch: Patch) -> None:
    patch.setattr(predicates, "keys", lambda agent: agents.keys(agent)[:1])


def event_time_may_be_after_it_was_stored(patch: Patch) -> None:
    read = statement.read

    def trusting(raw: bytes, *rest: Any) -> statement.Fact:
        fact = read(raw, *rest)
        return replace(fact, happened=statement.moment(fact.statement.timestamp) or fact.happened)

    patch.setattr(statement, "read", trusting)


def a_void_can_be_voided(patch: Patch) -> None:
    standing = evaluate.standing

    def twice(facts: Iterable[Any]) -> list[Any]:
        known = list(facts)
        voided = {fact.statement.voids for fact in known}
        return standing([fact for fact in known if fact.statement.voids is None or fact.id not in voided])

    patch.setattr(evaluate, "standing", twice)


@dataclass
class Remaining:
    """Lets voided statements through to the folds, where `silent` decides what is left of them."""

    patch: Patch
    silent: Callable[[Setting, State, Step], Step]

    def apply(self) -> None:
        standing, advance = evaluate.standing, evaluate.advance
        voided: set[UUID | None] = set()

        def everything(facts: Iterable[Any]) -> list[Any]:
            known = list({fact.id: fact for fact in reversed(list(facts))}.values())
            voided.clear()
            voided.update(fact.statement.voids for fact in known)
            return [fact for fact in known if fact.id in voided or fact in standing(known)]

        def step(setting: Setting, state: State, match: Match, repeated: bool = False) -> Step:
            taken = advance(setting, state, match, repeated)
            return self.silent(setting, state, taken) if match.statement in voided else taken

        self.patch.setattr(evaluate, "standing", everything)
        self.patch.setattr(evaluate, "advance", step)


def a_voided_match_still_counts_for_once_per(patch: Patch) -> None:
    Remaining(patch, lambda setting, state, taken: Step(state)).apply()


def a_voided_award_still_uses_its_cap(patch: Patch) -> None:
    Remaining(patch, lambda setting, state, taken: Step(State(state.kind, taken.state.used))).apply()


# --- faults in what matches ------------------------------------------------------------------------------------------


def at_least_means_more_than(patch: Patch) -> None:
    measures = predicates.PREDICATES[Measures]

    def strict(condition: Any) -> Any:
        return measures(replace(condition, more_than=condition.at_least))

    patch.setitem(predicates.PREDICATES, Measures, strict)


def the_recipient_stands_for_the_whole_group(patch: Patch) -> None:
    def same(cast: Any, pair: Any, to: str, learner: int) -> bool:
        return not set(cast[pair[0]]).isdisjoint(cast[pair[1]])

    patch.setattr(matching, "_same", same)


def what_is_missing_is_different_each_time(patch: Patch) -> None:
    value = matching._value

    def unique(name: str, fact: Any, *rest: Any) -> str | None:
        return value(name, fact, *rest) or f"none, in {fact.id}"

    patch.setattr(matching, "_value", unique)


# --- faults in the order ---------------------------------------------------------------------------------------------


def folding(patch: Patch, order: Callable[[Match], Any], latest: bool = False) -> None:
    """Replaces the fold: another order, or of the `once_per` values the latest instead of the earliest."""

    def fold(setting: Setting, found: Iterable[Match]) -> Step:
        ordered = sorted(found, key=order)
        state = State()
        given: list[Any] = []
        refused: list[Any] = []
        for place, match in enumerate(ordered):
            others = ordered[place + 1 :] if latest else ordered[:place]
            repeated = match.once is not None and match.once in [other.once for other in others]
            step = evaluate.advance(setting, state, match, repeated)
            state = step.state
            given += step.awards
            refused += step.refusals
        return Step(state, tuple(given), tuple(refused))

    patch.setattr(evaluate, "fold", fold)


def ties_in_time_break_by_arrival(patch: Patch) -> None:
    folding(patch, lambda match: match.happened)


def once_per_keeps_the_latest(patch: Patch) -> None:
    folding(patch, lambda match: (match.happened, match.statement.bytes), latest=True)


# --- faults in the kinds ---------------------------------------------------------------------------------------------


def the_bound_of_a_window_is_outside(patch: Patch) -> None:
    before = windows.before
    patch.setattr(windows, "before", lambda *of: before(*of) + timedelta(microseconds=1))


def a_month_is_thirty_days(patch: Patch) -> None:
    before = windows.before
    days = {"months": 30, "years": 365}

    def fixed(moment: Any, duration: Any, zone: ZoneInfo) -> Any:
        if duration.unit in days:
            return moment - timedelta(days=days[duration.unit] * duration.amount)
        return before(moment, duration, zone)

    patch.setattr(windows, "before", fixed)


def counting(patch: Patch, change: Callable[[Setting, Any, Match, Any, Any], Any]) -> None:
    """Puts `change` (setting, state before, match, state after, earned) -> (state, earned) behind the count."""
    fold, type_ = kinds.KINDS[Count]

    def changed(setting: Setting, state: Any, match: Match) -> Any:
        return change(setting, state, match, *fold(setting, state, match))

    patch.setitem(kinds.KINDS, Count, (changed, type_))


def repeat_uses_a_match_again(patch: Patch) -> None:
    def again(setting: Setting, before: Any, match: Match, after: Any, earned: Any) -> Any:
        last = kinds.Counted(match.different, match.happened, match.statement)
        reused = setting.rule.kind.repeat and earned  # type: ignore[union-attr]
        return (replace(after, counted=(last,)) if reused else after), earned

    counting(patch, again)


def what_was_before_from_is_forgotten(patch: Patch) -> None:
    def forget(setting: Setting, before: Any, match: Match, after: Any, earned: Any) -> Any:
        return (after if setting.alive(match.happened) else before), earned

    counting(patch, forget)


def a_count_gives_only_at_a_new_value(patch: Patch) -> None:
    """What was reached before `from` would then wait for a value that has not been seen."""

    def new(setting: Setting, before: Any, match: Match, after: Any, earned: Any) -> Any:
        seen = before is not None and match.different in [one.value for one in before.counted]
        return (before, ()) if seen and match.different is not None else (after, earned)

    counting(patch, new)


def forgiving(patch: Patch, change: Callable[[Any, Any, int], tuple[Any, Any, int]]) -> None:
    forgiven = kinds._forgiven
    patch.setattr(kinds, "_forgiven", lambda *of: forgiven(*change(*of)))


def a_streak_forgives_one_more(patch: Patch) -> None:
    def more(kind: Streak, state: Any, period: int) -> Any:
        forgive = kind.forgive and replace(kind.forgive, missed=kind.forgive.missed + 1)
        return replace(kind, forgive=forgive), state, period

    forgiving(patch, more)


def a_streak_forgets_what_it_forgave(patch: Patch) -> None:
    forgiving(patch, lambda kind, state, period: (kind, replace(state, forgiven=()), period))


def a_forgiven_period_adds_to_the_run(patch: Patch) -> None:
    lengthened = kinds._lengthened

    def adding(kind: Streak, state: Any, period: int, tiers: int) -> Any:
        after = lengthened(kind, state, period, tiers)
        kept = state is not None and after.run == state.run + 1
        return replace(after, run=state.run + period - state.last) if kept else after

    patch.setattr(kinds, "_lengthened", adding)


def every_run_earns_every_tier(patch: Patch) -> None:
    fold, type_ = kinds.KINDS[Streak]

    def generous(setting: Setting, state: Any, match: Match) -> Any:
        give = tuple(replace(grant, again=True) for grant in setting.rule.give)
        return fold(replace(setting, rule=replace(setting.rule, give=give)), state, match)

    patch.setitem(kinds.KINDS, Streak, (generous, type_))


def behind(patch: Patch, kind: Any, change: Callable[[Setting, Any, Match, Any, Any], Any]) -> None:
    """Puts `change` (setting, state before, match, state after, earned) -> (state, earned) behind a fold."""
    fold, type_ = kinds.KINDS[kind]

    def changed(setting: Setting, state: Any, match: Match) -> Any:
        return change(setting, state, match, *fold(setting, state, match))

    patch.setitem(kinds.KINDS, kind, (changed, type_))


def before(patch: Patch, kind: Any, change: Callable[[Match], Match]) -> None:
    """Lets a fold see other matches than there are."""
    fold, type_ = kinds.KINDS[kind]
    patch.setitem(kinds.KINDS, kind, (lambda setting, state, match: fold(setting, state, change(match)), type_))


def a_sum_adds_floats(patch: Patch) -> None:
    """0.35 is then a little less than it says."""
    before(patch, Sum, lambda match: replace(match, amount=match.amount and Decimal(float(match.amount))))


def a_sum_adds_nothing_below_zero(patch: Patch) -> None:
    before(patch, Sum, lambda match: replace(match, amount=match.amount and max(match.amount, Decimal(0))))


def a_sum_keeps_what_is_over(patch: Patch) -> None:
    def over(setting: Setting, state: Any, match: Match, after: Any, earned: Any) -> Any:
        rest = replace(after, total=match.amount or Decimal(0)) if earned else after
        return rest, earned

    behind(patch, Sum, over)


def a_sum_forgets_what_was_before_from(patch: Patch) -> None:
    def forget(setting: Setting, state: Any, match: Match, after: Any, earned: Any) -> Any:
        return (after if setting.alive(match.happened) else state), earned

    behind(patch, Sum, forget)


def a_sum_forgets_a_window_that_has_passed(patch: Patch) -> None:
    """The total of a calendar period goes over into the next."""
    patch.setattr(sums, "_added", _without_period(sums._added))


def _without_period(added: Any) -> Any:
    def careless(setting: Setting, kind: Any, state: Any, match: Match) -> Any:
        period = windows.index(kind.calendar, match.happened, setting.zone) if kind.calendar else None
        return added(setting, kind, replace(state, period=period), match)

    return careless


def a_month_of_a_duration_is_a_minute(patch: Patch) -> None:
    seconds = durations.seconds
    patch.setattr(durations, "seconds", lambda text: seconds(text and text.replace("PT1H", "P1M")))


def a_sequence_takes_its_steps_in_any_order(patch: Patch) -> None:
    def every(match: Match) -> Match:
        return replace(match, steps=(0, *match.steps))

    before(patch, Steps, every)


def one_statement_is_two_steps(patch: Patch) -> None:
    patch.setattr(sequences, "sorted", lambda steps, reverse: sorted(steps), raising=False)


def a_sequence_keeps_the_chain_that_began_first(patch: Patch) -> None:
    def earliest(setting: Setting, state: Any, match: Match, after: Any, earned: Any) -> Any:
        if state is None or earned:
            return after, earned
        kept = tuple(old or new for old, new in zip(state.chains, after.chains, strict=True))
        return replace(after, chains=kept), earned

    behind(patch, Steps, earliest)


def a_sequence_that_repeats_uses_its_steps_again(patch: Patch) -> None:
    def again(setting: Setting, state: Any, match: Match, after: Any, earned: Any) -> Any:
        return (replace(after, chains=state.chains) if earned else after), earned

    behind(patch, Steps, again)


def the_last_attempt_is_the_best(patch: Patch) -> None:
    def last(setting: Setting, state: Any, match: Match, after: Any, earned: Any) -> Any:
        if match.amount is None or not setting.alive(match.happened):
            return after, earned
        return replace(after, best={**after.best, attempts._object(match): match.amount}), earned

    behind(patch, Best, last)


def a_better_attempt_is_paid_in_full(patch: Patch) -> None:
    patch.setattr(attempts, "_gain", lambda score, before, points: attempts._worth(score, points))


def half_a_point_is_rounded_to_even(patch: Patch) -> None:
    patch.setattr(attempts, "_worth", lambda score, points: round(score * points))


def what_is_best_is_best_of_all_objects(patch: Patch) -> None:
    before(patch, Best, lambda match: replace(match, different=None))


def an_attempt_before_the_life_counts(patch: Patch) -> None:
    def before_life(setting: Setting, state: Any, match: Match, after: Any, earned: Any) -> Any:
        if match.amount is None or match.amount <= attempts.so_far(state, match):
            return after, earned
        return attempts.BestState({**(state.best if state else {}), attempts._object(match): match.amount}), earned

    behind(patch, Best, before_life)


def what_comes_in_late_competes(patch: Patch) -> None:
    before(patch, First, lambda match: replace(match, late=False))


def what_is_as_late_as_may_be_is_too_late(patch: Patch) -> None:
    match = matching.Matcher.match

    def strict(self: Any, fact: Any, *rest: Any) -> Match:
        found = match(self, fact, *rest)
        late = self.settle is not None and fact.happened <= windows.before(fact.received, self.settle, rest[-1])
        return replace(found, late=late)

    patch.setattr(matching.Matcher, "match", strict)


def one_more_is_among_the_first(patch: Patch) -> None:
    race = attempts.race
    patch.setattr(evaluate, "race", lambda kind, entries: race(replace(kind, learners=kind.learners + 1), entries))


def those_of_one_statement_are_all_among_the_first(patch: Patch) -> None:
    def shared(kind: First, entries: Iterable[Any]) -> set[int]:
        known = list(entries)
        last = sorted(entry for _, entry in known)[: kind.learners][-1:]
        return {who for who, entry in known if any(entry.statement == one.statement or entry < one for one in last)}

    patch.setattr(evaluate, "race", shared)


def a_learner_competes_before_the_life(patch: Patch) -> None:
    """Takes a place, and receives nothing."""
    fold, type_ = kinds.KINDS[First]

    def early(setting: Setting, state: Any, match: Match) -> Any:
        after, earned = fold(replace(setting, start=evaluate.DAWN), state, match)
        return after, (earned if setting.alive(match.happened) else ())

    patch.setitem(kinds.KINDS, First, (early, type_))


def what_is_swapped_takes_both_out(patch: Patch) -> None:
    """Looks at what was done the other way round later, too."""
    patch.setattr(swaps, "bisect_left", lambda moments, moment: len(moments))


def a_swap_is_never_too_long_ago(patch: Patch) -> None:
    patch.setattr(swaps, "too_near", lambda *of: True)


def the_last_day_of_a_life_is_outside(patch: Patch) -> None:
    patch.setattr(windows, "end_of_day", windows.start_of_day)


def weeks_begin_on_sunday(patch: Patch) -> None:
    sunday = windows.WINDOWS["week"]._replace(of=lambda day: day.toordinal() // 7)
    patch.setitem(windows.WINDOWS, "week", sunday)


def days_are_those_of_utc(patch: Patch) -> None:
    index = windows.index
    patch.setattr(windows, "index", lambda period, moment, zone: index(period, moment, ZoneInfo("UTC")))


# --- faults in the limits --------------------------------------------------------------------------------------------


def limiting(patch: Patch, change: Callable[..., Any]) -> None:
    """Puts `change` (paid, setting, used, match, earned) in the place of the limits."""
    paid = limits.paid
    patch.setattr(limits, "paid", lambda *of: change(paid, *of))


def a_cap_on_points_withholds_the_badge(patch: Patch) -> None:
    def strict(paid: Any, setting: Setting, used: Any, match: Match, earned: Earned) -> Any:
        after, left, clause = paid(setting, used, match, earned)
        return (
            (used, None, "") if left is not None and earned.grant.points and not left.points else (after, left, clause)
        )

    limiting(patch, strict)


def a_cap_is_all_or_nothing(patch: Patch) -> None:
    def strict(paid: Any, setting: Setting, used: Any, match: Match, earned: Earned) -> Any:
        after, left, clause = paid(setting, used, match, earned)
        less = left is not None and left.points != earned.grant.points
        return (used, None, "") if less and not earned.grant.badge else (after, left, clause)

    limiting(patch, strict)


def a_refused_award_uses_the_cap(patch: Patch) -> None:
    def counted(paid: Any, setting: Setting, used: Any, match: Match, earned: Earned) -> Any:
        bare = replace(setting.rule, limits=tuple(replace(limit, awards=None) for limit in setting.rule.limits))
        after, left, clause = paid(setting, used, match, earned)
        return (after if left else paid(replace(setting, rule=bare), used, match, earned)[0]), left, clause

    limiting(patch, counted)


def from_each_is_from_all(patch: Patch) -> None:
    patch.setattr(limits, "_counterparts", lambda setting, match: [""] * len(setting.rule.limits))


def a_refused_award_has_not_used_its_matches(patch: Patch) -> None:
    advance = evaluate.advance

    def sparing(setting: Setting, state: State, match: Match, repeated: bool = False) -> Step:
        step = advance(setting, state, match, repeated)
        refused = bool(step.refusals) and not repeated and setting.alive(match.happened)
        return replace_state(step, state) if refused else step

    def replace_state(step: Step, state: State) -> Step:
        return step._replace(state=State(state.kind, step.state.used))

    patch.setattr(evaluate, "advance", sparing)


# --- faults in what comes from awards ---------------------------------------------------------------------------------


def a_badge_never_expires(patch: Patch) -> None:
    patch.setattr(windows, "expiry", lambda happened, life, zone: None)


def needs_give_where_any_is_fulfilled(patch: Patch) -> None:
    patch.setattr(needs._Seen, "hold", lambda self, needed, moment: any(self.holds(one, moment) for one in needed))


def needs_give_at_the_last_moment(patch: Patch) -> None:
    moments = needs._Seen.moments
    patch.setattr(needs._Seen, "moments", lambda self: moments(self)[-1:])


def what_was_fulfilled_before_from_is_never_given(patch: Patch) -> None:
    marks = needs._Seen.moments
    patch.setattr(
        needs._Seen, "moments", lambda self: marks(self) if self.hold(self.needs, self.setting.start) is False else []
    )


def a_statement_need_not_come_after_the_badges(patch: Patch) -> None:
    patch.setattr(needs._Seen, "together", lambda self: [(evaluate.DAWN, evaluate.FOREVER)])


def points_are_needed_as_no_cap_leaves_them(patch: Patch) -> None:
    fold = purses.fold

    def uncapped(purse: Any, gains: Any) -> Any:
        gains = list(gains)
        bare = fold(purse._replace(caps=()), gains)[0]
        state, cuts = fold(purse, gains)
        return replace(state, reached=bare.reached), cuts

    patch.setattr(purses, "fold", uncapped)


def a_cap_starts_anew_every_day(patch: Patch) -> None:
    passed = purses._passed

    def daily(covering: Any, use: Any, gain: Any, amount: int) -> Any:
        day = windows.index("day", gain.happened, covering.setting.zone)
        return passed(covering, use if use and use.day == day else None, gain, amount)

    patch.setattr(purses, "_passed", daily)


def a_cap_covers_every_rule(patch: Patch) -> None:
    patch.setattr(purses.Covering, "covers", lambda self, gain: True)


def longer_caps_come_first(patch: Patch) -> None:
    patch.setattr(strata, "PERIODS", strata.PERIODS[::-1])


# --- faults in renewals ----------------------------------------------------------------------------------------------


def a_renewal_gives_points_again(patch: Patch) -> None:
    patch.setattr(renewals, "replace", lambda grant, **_: grant)


def evidence_renews_whenever_it_comes(patch: Patch) -> None:
    patch.setattr(renewals, "refused", lambda last, match: None if last else "nothing to renew")


def what_could_earn_and_renew_earns(patch: Patch) -> None:
    renewed = renewals.renewed

    def rather_earned(setting: Setting, last: Any, match: Match) -> tuple[Earned, ...]:
        return () if renewals.EARNS in match.steps else renewed(setting, last, match)

    patch.setattr(renewals, "renewed", rather_earned)


def a_count_goes_on_while_the_badge_is_valid(patch: Patch) -> None:
    patch.setattr(kinds, "begun", lambda setting, counted, moment, given=0: kinds.RenewedState(
        counted, renewals.period(setting.rule, moment)
    ))  # fmt: skip
    patch.setattr(renewals.Period, "ended", lambda self, moment: True)


def what_was_let_expire_is_gone_for_ever(patch: Patch) -> None:
    patch.setattr(renewals.Period, "ended", lambda self, moment: False)


def an_old_statement_earns_anew(patch: Patch) -> None:
    patch.setattr(needs._Seen, "floor", property(lambda self: needs.DAWN, lambda self, moment: None), raising=False)


SELF_TAUGHT: Json = {"to": "instructor", "unless": [{"same": ["instructor", "actor"]}]}
SCORED: Json = {"when": {"verb": "completed", "score": {"at_least": 0.5}}}
CAPPED: Json = {"limit": [{"points": 20, "per": "month"}, {"awards": 1, "per": "day"}], "give": {"points": 10}}
CAPPED_BADGE: Json = {"limit": [{"points": 20, "per": "month"}], "give": {"points": 10, "badge": "keen"}}
MONTHLY: Json = {"count": {"reach": 2, "within": "1 month"}, "give": {"points": 10}}
REPEATED: Json = {"count": {"reach": 2, "repeat": True}, "give": {"points": 10}}
DIFFERENT: Json = {"count": {"reach": 3, "different": "object"}, "give": {"points": 10}}
DAILY: Json = {"streak": {"every": "day"}, "give": [{"at": 2, "points": 5}, {"at": 3, "points": 5}]}
FORGIVING: Json = DAILY | {"streak": {"every": "day", "forgive": {"missed": 1, "per": "month"}}}
THIRTY_FIVE: Json = {"sum": {"of": "score", "reach": 0.35}, "give": {"points": 10}}
RAW: Json = {"sum": {"of": "raw_score", "reach": 12, "repeat": True}, "give": {"points": 10}}
HOURS: Json = {"sum": {"of": "duration", "reach": "2 hours", "within": {"calendar": "day"}}, "give": {"points": 10}}
STEPS: list[Json] = [{"verb": "completed", "type": "course"}, {"verb": "completed"}]
COURSE_FIRST: Json = {"sequence": {"steps": STEPS}, "give": {"points": 10}}
BY_TURNS: Json = {
    "to": "instructor",
    "unless": [{"swapped": {"between": ["instructor", "actor"], "within": "2 days"}}],
}
SETTLING: Json = {"first": {"learners": 1, "settle": "1 day"}, "give": {"points": 10}}
TWICE: Json = {
    "sequence": {"steps": [{"verb": "completed"}] * 2, "within": "1 day", "repeat": True},
    "give": {"points": 10},
}

EXPIRING: Json = {
    "rule": "rule-0", "when": {"verb": "completed"}, "give": {"points": 10, "badge": "keen"}, "expires": "1 day",
}  # fmt: skip
SHARING: Json = {"statement": "to share", "when": {"verb": "shared"}}
CROWN: Json = {"rule": "crown", "give": {"badge": "crowned"}}
CAP: Json = {"caps": "cap-0", "points": 15, "per": "day", "over": "all"}

OFTEN: Json = {"expires": "1 day", "renew": {"when": {"verb": "completed"}, "within": "12 hours", "late": "1 day"}}
RENEWED: Json = {"give": {"points": 10, "badge": "keen"}} | OFTEN
COUNTED: Json = {"count": {"reach": 2}} | RENEWED
LASTING: Json = {"rule": "rule-0", "when": {"verb": "completed"}, "give": {"badge": "keen"}}
SELDOM: Json = {"expires": "1 day", "renew": {"when": {"verb": "asked"}, "within": "12 hours"}}
TO_COMPLETE: Json = {"statement": "to complete a course", "when": {"verb": "completed", "type": "course"}}
CROWNED: Json = CROWN | SELDOM | {"needs": {"all_of": [{"badge": "keen"}, TO_COMPLETE]}}

LOOKS: dict[Callable[[Patch], None], st.SearchStrategy[Scene]] = {
    a_hashed_address_is_somebody_else: scenes(),
    only_the_first_of_a_group_receives: scenes(),
    event_time_may_be_after_it_was_stored: scenes(),
    a_void_can_be_voided: close_scenes("each"),
    a_voided_match_still_counts_for_once_per: close_scenes("each", also={"once_per": ["object"]}),
    a_voided_award_still_uses_its_cap: close_scenes("each", also=CAPPED),
    at_least_means_more_than: close_scenes("each", also=SCORED),
    the_recipient_stands_for_the_whole_group: close_scenes("each", also=SELF_TAUGHT),
    what_is_missing_is_different_each_time: close_scenes("each", also={"once_per": ["registration"]}),
    ties_in_time_break_by_arrival: close_scenes("each", also={"once_per": ["object"]}),
    once_per_keeps_the_latest: close_scenes("each", also={"once_per": ["object"]}),
    the_bound_of_a_window_is_outside: close_scenes("count", "month", MONTHLY),
    a_month_is_thirty_days: close_scenes("count", "month", MONTHLY),
    repeat_uses_a_match_again: close_scenes("count", also=REPEATED),
    what_was_before_from_is_forgotten: close_scenes("count", also=DIFFERENT),
    a_count_gives_only_at_a_new_value: close_scenes("count", also=DIFFERENT),
    a_streak_forgives_one_more: close_scenes("streak", "day", FORGIVING),
    a_streak_forgets_what_it_forgave: close_scenes("streak", "day", FORGIVING),
    a_forgiven_period_adds_to_the_run: close_scenes("streak", "day", FORGIVING),
    every_run_earns_every_tier: close_scenes("streak", "day", DAILY),
    a_sum_adds_floats: close_scenes("sum", also=THIRTY_FIVE),
    a_sum_adds_nothing_below_zero: close_scenes("sum", also=RAW),
    a_sum_keeps_what_is_over: close_scenes("sum", also=RAW),
    a_sum_forgets_what_was_before_from: close_scenes("sum"),
    a_sum_forgets_a_window_that_has_passed: close_scenes("sum", "day", HOURS),
    a_month_of_a_duration_is_a_minute: close_scenes("sum", also=HOURS),
    a_sequence_takes_its_steps_in_any_order: close_scenes("sequence", also=COURSE_FIRST),
    one_statement_is_two_steps: close_scenes("sequence", also=TWICE),
    a_sequence_keeps_the_chain_that_began_first: close_scenes("sequence", "day", TWICE),
    a_sequence_that_repeats_uses_its_steps_again: close_scenes("sequence", "day", TWICE),
    the_last_attempt_is_the_best: close_scenes("best"),
    a_better_attempt_is_paid_in_full: close_scenes("best"),
    half_a_point_is_rounded_to_even: close_scenes("best"),
    what_is_best_is_best_of_all_objects: close_scenes("best"),
    an_attempt_before_the_life_counts: close_scenes("best"),
    what_comes_in_late_competes: close_scenes("first", also=SETTLING),
    what_is_as_late_as_may_be_is_too_late: close_scenes("first", "day", SETTLING),
    one_more_is_among_the_first: close_scenes("first"),
    those_of_one_statement_are_all_among_the_first: close_scenes("first"),
    a_learner_competes_before_the_life: close_scenes("first"),
    what_is_swapped_takes_both_out: close_scenes("each", "day", BY_TURNS),
    a_swap_is_never_too_long_ago: close_scenes("each", "day", BY_TURNS),
    the_last_day_of_a_life_is_outside: scenes(),
    weeks_begin_on_sunday: close_scenes("each", "day", {"once_per": ["week"]}),
    days_are_those_of_utc: close_scenes("each", "12 hours", {"once_per": ["day"]}),
    a_cap_on_points_withholds_the_badge: close_scenes("each", "day", CAPPED_BADGE),
    a_cap_is_all_or_nothing: close_scenes("each"),
    a_refused_award_uses_the_cap: close_scenes("each", "day", CAPPED),
    from_each_is_from_all: close_scenes("each"),
    a_refused_award_has_not_used_its_matches: close_scenes("count", "day", CAPPED | REPEATED),
    a_badge_never_expires: fixed_scenes("day", EXPIRING, CROWN | {"needs": {"all_of": [{"badge": "keen"}, SHARING]}}),
    needs_give_where_any_is_fulfilled: reading_scenes(),
    needs_give_at_the_last_moment: reading_scenes(),
    what_was_fulfilled_before_from_is_never_given: reading_scenes(),
    a_statement_need_not_come_after_the_badges: reading_scenes(),
    points_are_needed_as_no_cap_leaves_them: fixed_scenes("12 hours", EXPIRING, CAP, CROWN | {"needs": {"points": 25}}),
    a_cap_starts_anew_every_day: reading_scenes(),
    a_cap_covers_every_rule: reading_scenes(),
    longer_caps_come_first: reading_scenes(),
    a_renewal_gives_points_again: close_scenes("renewed", "day", RENEWED),
    evidence_renews_whenever_it_comes: close_scenes("renewed", "day", RENEWED),
    what_could_earn_and_renew_earns: close_scenes("renewed", "day", RENEWED),
    a_count_goes_on_while_the_badge_is_valid: close_scenes("renewed", "day", COUNTED),
    what_was_let_expire_is_gone_for_ever: fixed_scenes("day", LASTING, CROWNED),
    an_old_statement_earns_anew: fixed_scenes("day", EXPIRING, CROWNED),
}
"""Each fault, and the scenes that are searched for it."""


@pytest.mark.parametrize("fault", LOOKS, ids=lambda fault: fault.__name__)
def test_a_fault_is_noticed(fault: Callable[[Patch], None], monkeypatch: Patch) -> None:
    fault(monkeypatch)
    with pytest.raises(Noticed):
        SEARCH(given(LOOKS[fault])(check))()
