"""The second reading, for what comes from awards: `needs`, `caps:` and `levels:`. Like the oracle: obvious, not fast.

Documents are the dictionaries that the YAML says. Nothing has an order here: everything that reads awards is evaluated
again and again until nothing changes, which without circles it must.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import cast

from tests.laws import oracle
from tests.laws.oracle import Award, Case, Delivery, Fact, Json, World, ahead, first_day, is_alive, validity

LENGTHS = ["day", "week", "month", "quarter", "year", "ever"]
NEVER = datetime.max.replace(tzinfo=UTC)


def awards(documents: Sequence[Json], deliveries: Sequence[Delivery], world: World) -> set[Award]:
    """Everything that everybody has earned, by rules of all kinds, and what caps take away from it."""
    plain = [one for one in documents if "rule" in one and "needs" not in one]
    base = oracle.awards(plain, deliveries, world)
    facts = oracle.counting(deliveries)
    roles = ("actor", "instructor", "object")
    people = {award.learner for award in base} | {
        who for f in facts for role in roles for who in oracle.people_in(f, role)
    }
    return {award for learner in people for award in everything_of(learner, documents, base, facts, world)}


def everything_of(
    learner: str, documents: Sequence[Json], base: Iterable[Award], facts: Sequence[Fact], world: World
) -> set[Award]:
    own = {award for award in base if award.learner == learner}
    derived: set[Award] = set()
    while True:
        again = {
            award
            for document in documents
            if "needs" in document
            for award in needed(Case(document, learner, world), documents, own | derived, facts)
        }
        if again == derived:
            return own | derived | corrections(documents, own | derived, learner, world)
        derived = again


# --- caps ------------------------------------------------------------------------------------------------------------


def caps_of(documents: Sequence[Json], currency: str) -> list[Json]:
    """The caps on a currency, in the order in which an award passes them: shorter periods first, then by name."""
    found = [one for one in documents if "caps" in one and currency in oracle.currencies(one)]
    return sorted(found, key=lambda cap: (LENGTHS.index(cap["per"]), cap["caps"]))


def is_over(cap: Json, rule: str, documents: Sequence[Json]) -> bool:
    if cap["over"] == "all":
        return True
    if isinstance(cap["over"], dict):
        return any(one.get("rule") == rule and cap["over"]["tagged"] in one.get("tags", []) for one in documents)
    return rule in cap["over"]


def passing(
    documents: Sequence[Json], earned: Iterable[Award], learner: str, world: World, currency: str
) -> list[tuple[Award, int, dict[str, int]]]:
    """Each award with what is left of its points after all caps, and what each cap has cut."""
    through: list[tuple[Award, int, dict[str, int]]] = []
    let: dict[str, list[tuple[date, int]]] = {}
    for award in sorted(earned, key=lambda a: (a.happened, a.rule, a.key)):
        rest, cuts = dict(award.amounts).get(currency, 0), {}
        for cap in caps_of(documents, currency):
            if not is_over(cap, award.rule, documents):
                continue
            period = period_of(cap, award.happened, learner, world)
            used = sum(amount for when, amount in let.get(cap["caps"], []) if when == period)
            cuts[cap["caps"]] = max(0, used + rest - oracle.currencies(cap)[currency])
            rest -= cuts[cap["caps"]]
            let.setdefault(cap["caps"], []).append((period, rest))
        through.append((award, rest, cuts))
    return through


def day_of(cap: Json, moment: datetime, learner: str, world: World) -> date:
    return moment.astimezone(Case(cap, learner, world).zone).date()


def period_of(cap: Json, moment: datetime, learner: str, world: World) -> date:
    return first_day(cap["per"], day_of(cap, moment, learner, world))


def corrections(documents: Sequence[Json], earned: set[Award], learner: str, world: World) -> set[Award]:
    """For each cap and period one correction, dated by days: each has the moment of the day's first cut."""
    found = set()
    for currency in sorted({unit for award in earned for unit, _ in award.amounts}):
        through = passing(documents, earned, learner, world, currency)
        for cap in caps_of(documents, currency):
            cut = [(award, cuts[cap["caps"]]) for award, _, cuts in through if cuts.get(cap["caps"])]
            for day in {day_of(cap, award.happened, learner, world) for award, _ in cut}:
                same = [one for one in cut if day_of(cap, one[0].happened, learner, world) == day]
                amount = -sum(less for _, less in same)
                first = min(award.happened for award, _ in same)
                key = label(cap["per"], first_day(cap["per"], day))
                found.add(Award(learner, cap["caps"], key, first, ((currency, amount),)))
    return found


def label(period: str, first: date) -> str:
    match period:
        case "day":
            return first.isoformat()
        case "week":
            year, week, _ = first.isocalendar()
            return f"{year}-W{week:02}"
        case "month":
            return f"{first:%Y-%m}"
        case "quarter":
            return f"{first:%Y}-Q{(first.month + 2) // 3}"
        case "year":
            return f"{first:%Y}"
    return "ever"


# --- needs -----------------------------------------------------------------------------------------------------------


class Asked:
    """A rule with needs, seen for one learner who has earned this."""

    def __init__(self, case: Case, documents: Sequence[Json], earned: set[Award], facts: Sequence[Fact]) -> None:
        self.case, self.documents, self.earned, self.facts = case, documents, earned, facts
        self.since = oracle.DAWN
        """Statements before this do not count: the end of what is to be earned anew."""

    def balance(self, currency: str, moment: datetime) -> int:
        """What the learner had of a currency, caps considered."""
        through = passing(self.documents, self.earned, self.case.learner, self.case.world, currency)
        return sum(rest for award, rest, _ in through if award.happened <= moment)

    def badge(self, name: str) -> list[tuple[datetime, datetime]]:
        """From when to when the learner holds a badge, award by award."""
        own = [award for award in self.earned if f"badge:{name}" in dict(award.amounts)]
        return [(award.happened, self.expires(award)) for award in own]

    def expires(self, award: Award) -> datetime:
        (rule,) = [one for one in self.documents if one.get("rule") == award.rule]
        return oracle.expiry(rule, award.happened) if "expires" in rule else NEVER

    def statements(self, need: Json) -> list[Fact]:
        """The statements about the learner that fulfil a need, whenever they were."""
        when = {key: value for key, value in need["when"].items() if value != "learner"}
        role = next((key for key, value in need["when"].items() if value == "learner"), "actor")
        seen = Case({"to": role, "when": when, "unless": need.get("unless", [])}, self.case.learner, self.case.world)
        return [fact for fact in self.facts if oracle.matches(seen, fact)]

    def holds(self, need: Json, moment: datetime, badges_only: bool = False) -> bool:
        """Does everything that this says hold at this moment?"""
        parts = []
        if "badge" in need:
            parts.append(any(since <= moment < until for since, until in self.badge(need["badge"])))
        if "points" in need:
            asked = oracle.currencies(need).items()
            parts += [badges_only or self.balance(currency, moment) >= least for currency, least in asked]
        if "level" in need:
            levels = next(one for one in self.documents if one.get("levels") == need.get("levels", "default"))
            least = levels["at"][need["level"]]
            parts.append(badges_only or self.balance(levels.get("points", "points"), moment) >= least)
        if "statement" in need:
            parts.append(badges_only or any(self.in_time(need, fact, moment) for fact in self.statements(need)))
        parts += [self.holds(one, moment, badges_only) for one in need.get("all_of", [])]
        if "any_of" in need:
            parts.append(any(self.holds(one, moment, badges_only) for one in need["any_of"]))
        if "of" in need:
            held = [one for one in need["of"] if self.holds(one, moment, badges_only)]
            parts.append(len(held) >= need["at_least"])
        return all(parts)

    def in_time(self, need: Json, fact: Fact, moment: datetime) -> bool:
        if not self.since <= fact.happened <= moment:
            return False
        if "after" not in need:
            return True
        last = self.last_badge(moment)
        if last is None:
            return False
        again = [since for name in badges_in(self.case.rule["needs"]) for since, _ in self.badge(name)]
        again = [since for since in (self.since, *again) if self.since <= since <= moment]
        return any(
            begin <= fact.happened
            and ("within" not in need or fact.happened <= ahead(begin, need["within"], self.case.zone))
            for begin in ([last] if last >= self.since else again)
        )

    def last_badge(self, moment: datetime) -> datetime | None:
        """When the badges that are needed were last complete, if they are at this moment, whatever else is."""
        needs = self.case.rule["needs"]
        times = sorted({time for name in badges_in(needs) for award in self.badge(name) for time in award})
        last: datetime | None = None
        for time in times:
            if time <= moment:
                last = (last or time) if self.holds(needs, time, badges_only=True) else None
        return last

    def moments(self, again: bool) -> set[datetime]:
        """When something comes about that is needed; again: points, only where they first are enough."""
        needs = self.case.rule["needs"]
        found = self.of({f"badge:{name}" for name in badges_in(needs)})
        found |= self.enough() if again else self.of(currencies_in(needs, self.documents))
        return found | {fact.happened for need in statements_in(needs) for fact in self.statements(need)}

    def of(self, units: set[str]) -> set[datetime]:
        return {award.happened for award in self.earned for unit, _ in award.amounts if unit in units}

    def enough(self) -> set[datetime]:
        """When the points that are needed were there for the first time, and for the first time in the rule's life."""
        found: set[datetime] = set()
        for need in parts(self.case.rule["needs"]):
            if "points" in need or "level" in need:
                one = {key: value for key, value in need.items() if key in ("points", "level", "levels")}
                moments = sorted(self.of(currencies_in(one, self.documents)))
                held = [moment for moment in moments if self.holds(one, moment)]
                inside = [moment for moment in held if moment >= self.begin()]
                found |= {*held[:1], *inside[:1]}
        return found

    def begin(self) -> datetime:
        first = self.case.rule.get("from")
        return datetime(first.year, first.month, first.day, tzinfo=self.case.zone) if first else oracle.DAWN


def needed(case: Case, documents: Sequence[Json], earned: set[Award], facts: Sequence[Fact]) -> list[Award]:
    """The awards of a rule with needs: at the first moment inside its life at which they all hold.

    With `renew`, evidence in time renews what was given last; from its end on all may come to hold again.
    """
    status = case.rule.get("status", "live")
    if status in ("draft", "trial") or (status == "retired" and "retired_at" not in case.rule):
        return []
    asked, found = Asked(case, documents, earned, facts), list[Award]()
    evidence = asked.statements(case.rule["renew"]) if "renew" in case.rule else []
    for moment in sorted(asked.moments(again=False) | {fact.happened for fact in evidence}):
        if not is_alive(case, cast("Fact", SimpleNamespace(happened=moment))):
            continue
        before = len(found)
        for fact in evidence:
            found += renewed(case, fact, found[-1:]) if fact.happened == moment else []
        ended = found and "renew" in case.rule and moment >= oracle.expiry(case.rule, found[-1].happened)
        if len(found) > before or moment not in asked.moments(again=bool(found)) or (found and not ended):
            continue
        asked.since = oracle.expiry(case.rule, found[-1].happened) if found else oracle.DAWN
        if asked.holds(case.rule["needs"], moment):
            earned_before = [award for award in found if award.key.isdecimal()]
            amounts = tuple(sorted(oracle.amounts_of(case.rule["give"]).items()))
            found.append(Award(case.learner, case.rule["rule"], str(len(earned_before) + 1), moment, amounts))
    return found


def renewed(case: Case, fact: Fact, last: Sequence[Award]) -> list[Award]:
    """The award that this evidence gives after the last one; none if it comes too early, too late or for nothing."""
    for award in last:
        opens, _, closes = validity(case.rule, award.happened)
        if opens <= fact.happened < closes:
            badge = tuple((unit, n) for unit, n in award.amounts if unit.startswith("badge:"))
            return [Award(case.learner, case.rule["rule"], f"renewal {fact.id}", fact.happened, badge)]
    return []


def parts(need: Json) -> list[Json]:
    """This need and everything in it."""
    inner = [*need.get("all_of", []), *need.get("any_of", []), *need.get("of", [])]
    return [need, *(part for one in inner for part in parts(one))]


def badges_in(need: Json) -> list[str]:
    return [part["badge"] for part in parts(need) if "badge" in part]


def statements_in(need: Json) -> list[Json]:
    return [part for part in parts(need) if "statement" in part]


def currencies_in(need: Json, documents: Sequence[Json]) -> set[str]:
    named = {currency for part in parts(need) if "points" in part for currency in oracle.currencies(part)}
    levels = {part.get("levels", "default") for part in parts(need) if "level" in part}
    return named | {one.get("points", "points") for one in documents if one.get("levels") in levels}
