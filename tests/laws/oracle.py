"""A second reading of the rule language, written to be obvious and not fast: from all deliveries to every award.

It shares no code with `service`. Rules are the dictionaries that the YAML says, statements are the dictionaries that
the JSON says, and every question ("does this match give?") is answered by looking at the whole list of matches again.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

Json = dict[str, Any]
VOIDED = "http://adlnet.gov/expapi/verbs/voided"
DAWN, FOREVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Delivery:
    """A statement as it was handed over: by whom, how, and when it was stored."""

    statement: Json
    received: datetime
    source: str = "default"
    capture: str = "xapi"


@dataclass(frozen=True)
class World:
    """What rules refer to beside statements: words for IRIs, time zones of learners, the zone of the service."""

    verbs: dict[str, list[str]] = field(default_factory=dict)
    types: dict[str, list[str]] = field(default_factory=dict)
    tags: dict[str, list[str]] = field(default_factory=dict)
    zones: dict[str, str] = field(default_factory=dict)
    zone: str = "UTC"


@dataclass(frozen=True)
class Award:
    """What somebody earned: amounts by unit (`points`, `badge:<achievement>`), and when."""

    learner: str
    rule: str
    key: str
    happened: datetime
    amounts: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Fact:
    """A statement that counts: delivered, for the first time, and never voided."""

    id: str
    happened: datetime
    received: datetime
    statement: Json
    source: str
    capture: str

    @property
    def place(self) -> tuple[datetime, str]:
        return (self.happened, self.id)


@dataclass(frozen=True)
class Earlier:
    """What an earlier version of a rule gave, and at which match."""

    key: str
    fact: Fact
    amounts: dict[str, int]

    @property
    def tier(self) -> str:
        return self.key.partition("#")[0]


@dataclass(frozen=True)
class Case:
    """One version of a rule seen for one learner: what all questions below are asked about.

    begin and end: the life of the version. earlier: what versions before it gave.
    """

    rule: Json
    learner: str
    world: World
    begin: datetime = DAWN
    end: datetime = FOREVER
    earlier: tuple[Earlier, ...] = ()

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.rule.get("time_zone") or self.world.zones.get(self.learner) or self.world.zone)

    def day(self, fact: Fact) -> date:
        return fact.happened.astimezone(self.zone).date()

    def period(self, name: str, fact: Fact) -> date:
        return first_day(name, self.day(fact))


def awards(rules: Iterable[Json], deliveries: Sequence[Delivery], world: World) -> set[Award]:
    """Everything that everybody has earned, by all rules."""
    facts = counting(deliveries)
    people = sorted({person for fact in facts for role in ROLES for person in people_in(fact, role)})
    cases = [Case(rule, learner, world) for rule in rules for learner in people]
    found = {(case.rule["rule"], case.learner): [f for f in facts if matches(case, f, facts)] for case in cases}
    return {
        award
        for case in cases
        if "first" not in case.rule or is_among_the_first(case, found)
        for award in at_one_moment(paid(case, found[case.rule["rule"], case.learner]))
    }


def at_one_moment(given: Iterable[Award]) -> list[Award]:
    """What is given for one key at one moment is one sum, as in a ledger: two better attempts may share a second."""
    sums: dict[tuple[str, str, str, datetime], Counter[str]] = {}
    for award in given:
        of = sums.setdefault((award.learner, award.rule, award.key, award.happened), Counter())
        of.update(dict(award.amounts))
    return [Award(*key, tuple(sorted(amounts.items()))) for key, amounts in sums.items()]


def awards_of_versions(
    versions: Sequence[tuple[datetime | None, Json]], deliveries: Sequence[Delivery], world: World
) -> set[Award]:
    """Everything that everybody has earned by one rule, whose versions are in force since these moments."""
    facts = counting(deliveries)
    people = sorted({person for fact in facts for role in ROLES for person in people_in(fact, role)})
    return {award for learner in people for award in at_one_moment(by_versions(versions, facts, learner, world))}


def by_versions(
    versions: Sequence[tuple[datetime | None, Json]], facts: Sequence[Fact], learner: str, world: World
) -> list[Award]:
    """Each version gives in its own life, which ends where that of a later one begins."""
    earlier: list[Earlier] = []
    out: list[Award] = []
    begins = [begin or DAWN for begin, _ in versions]
    for number, (_, rule) in enumerate(versions):
        end = min(begins[number + 1 :], default=FOREVER)
        case = Case(rule, learner, world, begins[number], end, tuple(earlier))
        for fact, award in paid_at(case, [fact for fact in facts if matches(case, fact, facts)]):
            out.append(award)
            earlier.append(Earlier(award.key, fact, dict(award.amounts)))
    return out


def balances(earned: Iterable[Award]) -> dict[tuple[str, str], int]:
    """What each learner has of each unit."""
    sums: Counter[tuple[str, str]] = Counter()
    for award in earned:
        for unit, amount in award.amounts:
            sums[award.learner, unit] += amount
    return dict(sums)


# --- which statements count ----------------------------------------------------------------------------------------


def counting(deliveries: Sequence[Delivery]) -> list[Fact]:
    """The statements that count, in the order of (event time, id)."""
    first: dict[str, Delivery] = {}
    for delivery in deliveries:
        first.setdefault(delivery.statement["id"].lower(), delivery)
    voiders = {name for name, delivery in first.items() if is_void(delivery.statement)}
    voided = {(first[name].statement["object"]["id"].lower(), first[name].source) for name in voiders}
    facts = [fact(name, d) for name, d in first.items() if name not in voiders and (name, d.source) not in voided]
    return sorted(facts, key=lambda f: f.place)


def is_void(statement: Json) -> bool:
    return bool(statement["verb"]["id"] == VOIDED) and statement["object"].get("objectType") == "StatementRef"


def fact(name: str, delivery: Delivery) -> Fact:
    stated = delivery.statement.get("timestamp")
    when = delivery.received if stated is None else min(moment(stated), delivery.received)
    return Fact(name, when, delivery.received, delivery.statement, delivery.source, delivery.capture)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


# --- who is who ----------------------------------------------------------------------------------------------------

ROLES = ("actor", "instructor", "object", "team")


def people_in(fact: Fact, role: str) -> list[str]:
    """The learners in a role."""
    return sorted(set(as_listed(fact, role)))


def as_listed(fact: Fact, role: str) -> list[str]:
    """The learners in a role, in the order of the statement: the agent itself, or each member of a group."""
    agent = fact.statement.get(role) if role in ("actor", "object") else fact.statement.get("context", {}).get(role)
    if agent is None or (role == "object" and agent.get("objectType") not in ("Agent", "Group")):
        return []
    agents = agent.get("member", []) if agent.get("objectType") == "Group" else [agent]
    return [person for person in map(identity, agents) if person is not None]


def identity(agent: Json) -> str | None:
    """One learner has one identity; an mbox is the same as its SHA-1."""
    if "mbox" in agent:
        return "sha1:" + hashlib.sha1(agent["mbox"].encode()).hexdigest()
    if "mbox_sha1sum" in agent:
        return "sha1:" + str(agent["mbox_sha1sum"])
    if "openid" in agent:
        return "openid:" + str(agent["openid"])
    if "account" in agent:
        return f"account:{agent['account']['homePage']} {agent['account']['name']}"
    return None


def seen_by(case: Case, fact: Fact, role: str) -> list[str]:
    """The learners in a role, as the recipient sees it: its own role is the recipient alone."""
    return [case.learner] if role == case.rule.get("to", "actor") else people_in(fact, role)


# --- which statements match ----------------------------------------------------------------------------------------


def matches(case: Case, fact: Fact, facts: Sequence[Fact] = ()) -> bool:
    """Is this statement, one of these facts, a match of the rule for this learner?"""
    return (
        case.learner in people_in(fact, case.rule.get("to", "actor"))
        and fulfils(case, fact)
        and not any(holds(case, fact, condition, facts) for condition in case.rule.get("unless", []))
    )


def fulfils(case: Case, fact: Fact) -> bool:
    """Does `when` hold, and in a sequence one of its steps; or is it evidence that renews?"""
    if "renew" in case.rule and is_evidence(case, fact):
        return True
    steps = case.rule.get("sequence", {}).get("steps", [{}])
    return holds(case, fact, case.rule.get("when", {})) and any(holds(case, fact, step) for step in steps)


def holds(case: Case, fact: Fact, conditions: Json, facts: Sequence[Fact] = ()) -> bool:
    """Do all of these conditions hold?"""
    return all(condition_holds(case, fact, key, wanted, facts) for key, wanted in conditions.items())


def condition_holds(case: Case, fact: Fact, key: str, wanted: Any, facts: Sequence[Fact]) -> bool:
    statement = fact.statement
    match key:
        case "score" | "raw_score" | "duration" | "response" | "success" | "completion":
            return result_holds(statement.get("result", {}), key, wanted)
        case "platform" | "language" | "registration" | "attachments":
            return text_holds(statement, key, wanted)
        case "verb" | "type" | "object" | "tagged" | "part_of":
            return one_of(wanted, texts(statement, key), words(case.world, key))
        case "source" | "capture":
            return one_of(wanted, [getattr(fact, key)], {})
        case "value":
            return any(is_value(wanted, found) for found in at_path(statement, wanted["path"])) is (
                wanted.get("present", True)
            )
        case "instructor" | "team":
            agent = {"mbox": wanted} if wanted.startswith("mailto:") else {"openid": wanted}
            present = {"present": bool(people_in(fact, key)), "absent": not people_in(fact, key)}
            return present.get(wanted, identity(agent) in people_in(fact, key))
        case "same":
            one, other = (set(seen_by(case, fact, role)) for role in wanted)
            return bool(one & other)
        case "swapped":
            return any(is_swapped(case, fact, earlier, wanted) for earlier in facts if earlier.place < fact.place)
    raise AssertionError(f"the oracle does not know the condition {key!r}")


def text_holds(statement: Json, key: str, wanted: Any) -> bool:
    """Is something there, or not there, or one of these texts?"""
    if key == "attachments":
        found = [attachment["usageType"] for attachment in statement.get("attachments", [])]
    else:
        context = statement.get("context", {})
        found = [context[key]] if key in context else []
    if wanted in ("present", "absent"):
        return bool(found) is (wanted == "present")
    return one_of(wanted, found, {})


def result_holds(result: Json, key: str, wanted: Any) -> bool:
    """Is the result as it is wanted? What is missing never is."""
    match key:
        case "score" | "raw_score":
            return within_bounds(wanted, result.get("score", {}).get("scaled" if key == "score" else "raw"))
        case "duration":
            taken = seconds(result["duration"]) if "duration" in result else None
            return within_bounds({bound: length(least) for bound, least in wanted.items()}, taken)
        case "response":
            text = result.get("response", "").strip()
            if wanted in ("present", "absent"):
                return bool(text) is (wanted == "present")
            return within_bounds(wanted["length"], len(text) or None)
    return key in result and result[key] is wanted


def is_swapped(case: Case, fact: Fact, earlier: Fact, wanted: Json) -> bool:
    """Did the recipient and somebody in the other role do it the other way round before, and not too long ago?"""
    (theirs,) = set(wanted["between"]) - {case.rule.get("to", "actor")}
    return in_window(case, earlier, fact, wanted.get("within")) and any(
        case.learner in people_in(earlier, theirs) and is_match(replace(case, learner=other), earlier)
        for other in set(people_in(fact, theirs)) - {case.learner}
    )


def is_match(case: Case, fact: Fact) -> bool:
    """Is this a match, whatever was done the other way round?"""
    plain = [conditions for conditions in case.rule.get("unless", []) if "swapped" not in conditions]
    return matches(replace(case, rule=case.rule | {"unless": plain}), fact)


def at_path(statement: Json, path: str) -> list[Any]:
    """What lies at a path of dotted or quoted keys, where `[*]` is every item of a list."""
    found: list[Any] = [statement]
    for quoted, plain, every in re.findall(r"'([^']*)'|([^.'\[\]]+)|(\[\*\])", path):
        if every:
            found = [item for one in found if isinstance(one, list) for item in one]
        else:
            key = quoted or plain
            found = [one[key] for one in found if isinstance(one, dict) and key in one]
    return found


def is_value(wanted: Json, found: Any) -> bool:
    """Is what was found as `is`, `any_of` and the bounds say?"""
    bounds = {key: value for key, value in wanted.items() if key in ("at_least", "more_than", "at_most", "less_than")}
    number = found if isinstance(found, (int, float)) and not isinstance(found, bool) else None
    return (
        ("is" not in wanted or (type(found) is bool, found) == (type(wanted["is"]) is bool, wanted["is"]))
        and ("any_of" not in wanted or found in wanted["any_of"])
        and (not bounds or within_bounds(bounds, number))
    )


SIZES = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}


def length(duration: str) -> int:
    """`90 minutes` in seconds."""
    number, unit = duration.split()
    return int(number) * SIZES[unit.rstrip("s")]


def seconds(text: str) -> Fraction | None:
    """An ISO 8601 duration in seconds; a month has 30 days and a year 365. None where it is no duration."""
    form = r"P(?:([\d.]+)Y)?(?:([\d.]+)M)?(?:([\d.]+)W)?(?:([\d.]+)D)?(?:T(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?"
    found = re.fullmatch(form, text)
    sizes = (365 * 86400, 30 * 86400, 604800, 86400, 3600, 60, 1)
    if found is None:
        return None
    return sum((Fraction(part or "0") * size for part, size in zip(found.groups(), sizes, strict=True)), Fraction(0))


def texts(statement: Json, key: str) -> list[str | None]:
    """What of the statement a condition on texts looks at."""
    around = statement.get("context", {}).get("contextActivities", {})
    match key:
        case "verb":
            return [statement["verb"]["id"]]
        case "type":
            return [statement["object"].get("definition", {}).get("type")]
        case "object":
            return [statement["object"].get("id")]
        case "tagged":
            return [activity["id"] for activity in around.get("category", [])]
    return [activity["id"] for activity in around.get("parent", []) + around.get("grouping", [])]


def words(world: World, key: str) -> dict[str, list[str]]:
    return {"verb": world.verbs, "type": world.types, "tagged": world.tags}.get(key, {})


def one_of(wanted: Any, found: list[str | None], vocabulary: dict[str, list[str]]) -> bool:
    """Does what was found hold what is wanted: a word or IRI, a list of them, or any_of, all_of, starts_with?"""
    if isinstance(wanted, str):
        return any(iri in found for iri in vocabulary.get(wanted, [wanted]))
    if isinstance(wanted, list):
        return any(one_of(word, found, vocabulary) for word in wanted)
    if "any_of" in wanted:
        return any(one_of(word, found, vocabulary) for word in wanted["any_of"])
    if "all_of" in wanted:
        return all(one_of(word, found, vocabulary) for word in wanted["all_of"])
    prefixes = [wanted["starts_with"]] if isinstance(wanted["starts_with"], str) else wanted["starts_with"]
    return any(iri is not None and iri.startswith(prefix) for iri in found for prefix in prefixes)


def within_bounds(wanted: dict[str, Any], number: float | Fraction | None) -> bool:
    if number is None:
        return False
    return (
        number >= wanted.get("at_least", number)
        and ("more_than" not in wanted or number > wanted["more_than"])
        and number <= wanted.get("at_most", number)
        and ("less_than" not in wanted or number < wanted["less_than"])
    )


def thing(fact: Fact) -> str | None:
    """What it was done to: an activity by its id, somebody by their identifier."""
    object_ = fact.statement["object"]
    return identity(object_) if object_.get("objectType") in ("Agent", "Group") else object_.get("id")


def value(case: Case, fact: Fact, name: str) -> Any:
    """What `once_per`, `different` and `from_each` compare; what is missing is one value of its own."""
    match name:
        case "object" if case.rule.get("to") != "object":
            return thing(fact)
        case "day" | "week" | "month" | "quarter" | "year":
            return case.period(name, fact)
        case "registration":
            return fact.statement.get("context", {}).get("registration")
    return seen_by(case, fact, name)


# --- from matches to awards ------------------------------------------------------------------------------------------

Given = tuple[str, Fact, Json]
"""The key of an award, the match that it was given at, what it gives."""


def paid(case: Case, found: list[Fact]) -> list[Award]:
    """The awards of one rule to one learner, out of all its matches."""
    return [award for _, award in paid_at(case, found)]


def paid_at(case: Case, found: list[Fact]) -> list[tuple[Fact, Award]]:
    """The awards of one rule to one learner, out of all its matches, each with the match that it was given at."""
    status = case.rule.get("status", "live")
    if status in ("draft", "trial") or (status == "retired" and "retired_at" not in case.rule):
        return []
    give = case.rule["give"]
    kept = [fact for fact in found if is_first(case, found, fact)]
    if "streak" in case.rule:
        given = streak(case, kept, give)
    elif "sum" in case.rule:
        given = [(str(n), fact, give) for n, fact in sums(case, kept)]
    elif "sequence" in case.rule:
        given = [(str(n), fact, give) for n, fact in sequences(case, kept)]
    elif "best" in case.rule:
        given = [gain for fact in kept if (gain := better(case, kept, fact, give)) is not None]
    elif "first" in case.rule:
        given = [("learner", fact, give) for fact in kept if competes(case, fact)][:1]
    elif "renew" in case.rule:
        given = renewable(case, kept, give)
    elif "count" in case.rule:
        tiers = give if isinstance(give, list) else []
        given = [(str(tier["at"]), fact, tier) for tier in tiers for _, fact in counts(case, kept, tier["at"])]
        given += (
            [(str(n), f, give) for n, f in counts(case, kept, case.rule["count"].get("reach"))] if not tiers else []
        )
    else:
        given = [(fact.id, fact, give) for fact in kept if is_alive(case, fact)]
    if not is_repeated(case) and "best" not in case.rule:
        given = [one for one in given if one[0] not in [before.key for before in case.earlier]]
    return limited(case, sorted(given, key=lambda g: (g[1].place, g[2].get("at"))), found)


def is_repeated(case: Case) -> bool:
    return any(case.rule.get(kind, {}).get("repeat") for kind in ("count", "sum", "sequence"))


def unused(case: Case, found: list[Fact]) -> tuple[int, list[Fact]]:
    """The number of the next award, and the matches that earlier versions have not used, where one is used once."""
    if not is_repeated(case) or not case.earlier:
        return 1, found
    used = max(one.fact.place for one in case.earlier)
    last = max((int(one.key) for one in case.earlier if one.key.isdecimal()), default=0)
    return last + 1, [f for f in found if f.place > used]


def is_first(case: Case, found: list[Fact], fact: Fact) -> bool:
    """Of the matches with the same `once_per` values only the earliest counts."""
    if "once_per" not in case.rule:
        return True

    def values(f: Fact) -> list[Any]:
        return [value(case, f, name) for name in case.rule["once_per"]]

    return not any(earlier.place < fact.place and values(earlier) == values(fact) for earlier in found)


def is_alive(case: Case, fact: Fact) -> bool:
    """Awards are given only inside the rule's life."""
    day = case.day(fact)
    retired = case.rule.get("retired_at") if case.rule.get("status") == "retired" else None
    return (
        case.rule.get("from", day) <= day <= case.rule.get("until", day)
        and (retired is None or fact.happened < retired)
        and case.begin <= fact.happened < case.end
    )  # fmt: skip


def counts(case: Case, found: list[Fact], reach: int) -> list[tuple[int, Fact]]:
    """The matches at which a count of `reach` gives: the first, or every one with `repeat`."""
    count = case.rule["count"]
    given: list[Fact] = []
    first, found = unused(case, found)
    for now in found:
        if not is_alive(case, now) or (given and not count.get("repeat")):
            continue
        left_over = [f for f in found if f.place <= now.place and (not given or f.place > given[-1].place)]
        if enough(case, left_over, now, reach):
            given.append(now)
    return list(enumerate(given, start=first))


def enough(case: Case, found: list[Fact], now: Fact, reach: int) -> bool:
    """Are so many (different) ones of these in the window that ends now?"""
    count = case.rule["count"]
    window = [f for f in found if in_window(case, f, now, count.get("within"))]
    different = count.get("different")
    seen = [f.id for f in window] if different is None else [str(value(case, f, different)) for f in window]
    return len(set(seen)) >= reach


def renewable(case: Case, found: list[Fact], give: Json) -> list[Given]:
    """What earns a badge that expires, and what renews it: what could do both renews.

    A count rests while the badge is valid; it begins anew with what happens from the end on.
    """
    given: list[Given] = []
    earlier = [one.fact for one in case.earlier]
    number = max((int(one.key) for one in case.earlier if one.key.isdecimal()), default=0)
    for now in found:
        before = [fact for _, fact, _ in given] + [fact for fact in earlier if fact.place < now.place]
        last = max(before, key=place, default=None)
        opens, until, closes = validity(case.rule, last.happened) if last else (FOREVER, DAWN, DAWN)
        if is_evidence(case, now) and opens <= now.happened < closes and is_alive(case, now):
            given.append((f"renewal {now.id}", now, {key: value for key, value in give.items() if key != "points"}))
        elif not holds(case, now, case.rule["when"]) or not is_alive(case, now):
            continue
        elif "count" not in case.rule:
            given.append((now.id, now, give))
        elif now.happened >= until:
            earning = [f for f in found if f.place <= now.place and f.happened >= until]
            earning = [f for f in earning if holds(case, f, case.rule["when"])]
            if enough(case, earning, now, case.rule["count"]["reach"]):
                number += 1
                given.append((str(number), now, give))
    return given


def place(fact: Fact) -> tuple[datetime, str]:
    return fact.place


def is_evidence(case: Case, fact: Fact) -> bool:
    return holds(case, fact, case.rule["renew"]["when"])


def validity(rule: Json, begins: datetime) -> tuple[datetime, datetime, datetime]:
    """From when on what is given then can be renewed; when it ends; until when it can be renewed."""
    zone, until = ZoneInfo(rule.get("time_zone", "UTC")), expiry(rule, begins)
    late = rule["renew"].get("late")
    closes = ahead(until, late, zone) if late else until
    return max(begins, back(until, rule["renew"]["within"], zone)), until, closes


def expiry(rule: Json, begins: datetime) -> datetime:
    return ahead(begins, rule["expires"], ZoneInfo(rule.get("time_zone", "UTC")))


def sums(case: Case, found: list[Fact]) -> list[tuple[int, Fact]]:
    """The matches at which a sum has reached enough: the first, or every one with `repeat`."""
    said = case.rule["sum"]
    enough = length(said["reach"]) if said["of"] == "duration" else Fraction(str(said["reach"]))
    given: list[Fact] = []
    first, found = unused(case, found)
    for now in found:
        if not is_alive(case, now) or (given and not said.get("repeat")):
            continue
        left_over = [f for f in found if f.place <= now.place and (not given or f.place > given[-1].place)]
        window = [f for f in left_over if in_window(case, f, now, said.get("within"))]
        if sum(amount(f, said["of"]) or 0 for f in window) >= enough:
            given.append(now)
    return list(enumerate(given, start=first))


def amount(fact: Fact, of: str) -> Fraction | None:
    """The number of a statement that is added or compared, exactly as it is written; None where there is none."""
    result = fact.statement.get("result", {})
    if of == "duration":
        return seconds(result["duration"]) if "duration" in result else None
    number = result.get("score", {}).get("scaled" if of == "score" else "raw")
    return None if number is None else Fraction(str(number))


def sequences(case: Case, found: list[Fact]) -> list[tuple[int, Fact]]:
    """The matches that are the last step after all others in their order: the first, or every one with `repeat`."""
    said = case.rule["sequence"]
    *before, last = said["steps"]
    given: list[Fact] = []
    first, found = unused(case, found)
    for now in found:
        if not is_alive(case, now) or (given and not said.get("repeat")) or not holds(case, now, last):
            continue
        left_over = [f for f in found if f.place < now.place and (not given or f.place > given[-1].place)]
        left = list(before)
        for fact in left_over:
            if left and in_window(case, fact, now, said.get("within")) and holds(case, fact, left[0]):
                left.pop(0)
        if not left:
            given.append(now)
    return list(enumerate(given, start=first))


def better(case: Case, found: list[Fact], now: Fact, give: Json) -> Given | None:
    """What an attempt adds to the best one so far at the same object; nothing where it is no better."""
    object_ = thing(now)
    noted = [one.fact for one in case.earlier]
    earlier = [f for f in found if f.place < now.place and (is_alive(case, f) or f in noted)]
    earlier = [f for f in earlier if thing(f) == object_]
    gains = {}
    for currency, most in currencies(give).items():
        worth = [worth_of(f, case.rule["best"]["of"], most) for f in (*earlier, now)]
        gains[currency] = max(worth) - max([0, *worth[:-1]])
    best = {currency: gain for currency, gain in gains.items() if gain > 0}
    return (str(object_ or "none"), now, {"points": best}) if best and is_alive(case, now) else None


def worth_of(fact: Fact, of: str, points: int) -> int:
    """Score times points, rounded half up."""
    score = amount(fact, of)
    return 0 if score is None else max(0, int(score * points + Fraction(1, 2)))


def competes(case: Case, fact: Fact) -> bool:
    """Inside the life, and not handed in too late."""
    settle = case.rule["first"].get("settle")
    return is_alive(case, fact) and (settle is None or fact.happened >= back(fact.received, settle, case.zone))


def is_among_the_first(case: Case, found: dict[tuple[str, str], list[Fact]]) -> bool:
    """Is this learner's earliest match that competes among the earliest of all learners?"""

    def place(learner: str) -> tuple[Any, ...] | None:
        of = Case(case.rule, learner, case.world)
        mine = found[case.rule["rule"], learner]
        entered = next((f for f in mine if is_first(of, mine, f) and competes(of, f)), None)
        if entered is None:
            return None
        return (*entered.place, as_listed(entered, case.rule.get("to", "actor")).index(learner))

    places = [place(learner) for rule, learner in found if rule == case.rule["rule"]]
    mine = place(case.learner)
    return mine is not None and sum(p < mine for p in places if p is not None) < case.rule["first"]["learners"]


def in_window(case: Case, fact: Fact, now: Fact, within: Any) -> bool:
    if within is None:
        return True
    if isinstance(within, dict):
        return case.period(within["calendar"], fact) == case.period(within["calendar"], now)
    return fact.happened >= back(now.happened, within, case.zone)


def streak(case: Case, found: list[Fact], tiers: list[Json]) -> list[Given]:
    """A tier is given at the first match inside the life with a run that is long enough; `again`, once in every run."""
    given: list[Given] = []
    for tier in tiers:
        runs: list[int] = []
        before = [one for one in case.earlier if one.tier == str(tier["at"])]
        for now in found:
            run, length, _ = run_at(case, [f for f in found if f.place <= now.place])
            enough = is_alive(case, now) and length >= tier["at"]
            new = run not in runs and run not in runs_before(case, found, tier, tiers)
            if enough and new and (not (runs or before) or tier.get("again")):
                runs.append(run)
                number = len(before) + len(runs)
                given.append((str(tier["at"]) if number == 1 else f"{tier['at']}#{number}", now, tier))
    return given


def runs_before(case: Case, found: list[Fact], tier: Json, tiers: list[Json]) -> list[int]:
    """The run that stands when the version begins, if an earlier version gave this tier or a higher one in it."""
    past = [f for f in found if f.happened < case.begin]
    if not past:
        return []
    run, _, began = run_at(case, past)
    every = case.rule["streak"]["every"]
    higher = [str(one["at"]) for one in tiers if one["at"] >= tier["at"]]
    inside = [one for one in case.earlier if one.tier in higher and case.period(every, one.fact) >= began]
    return [run] if inside else []


def run_at(case: Case, found: list[Fact]) -> tuple[int, int, date]:
    """The run that stands after the last of these matches: the how-manieth it is, its length, its first period."""
    every = case.rule["streak"]["every"]
    forgive = case.rule["streak"].get("forgive", {"missed": 0, "per": "ever"})
    periods = list(dict.fromkeys(case.period(every, f) for f in found))
    run, length, began = 1, 1, periods[0]
    forgiven: Counter[date] = Counter()
    for last, period in pairwise(periods):
        needed = Counter(first_day(forgive["per"], missed) for missed in periods_between(every, last, period))
        if all((forgiven + needed)[p] <= forgive["missed"] for p in needed):
            length, forgiven = length + 1, forgiven + needed
        else:
            run, length, began = run + 1, 1, period
    return run, length, began


def limited(case: Case, given: list[Given], found: list[Fact]) -> list[tuple[Fact, Award]]:
    """What is left of the awards under the limits; what pays nothing at all is no award and uses no cap.

    What earlier versions gave for these matches has drawn on them.
    """
    out: list[tuple[Fact, Award]] = []
    before = [(one.fact, one.amounts) for one in case.earlier if one.fact in found]
    for key, fact, give in given:
        amounts = amounts_of(give)
        for limit in case.rule.get("limit", []):
            same = [paid for earlier, paid in before if is_same_cap(case, limit, earlier, fact)]
            if "awards" in limit and len(same) >= limit["awards"]:
                amounts = {}
            for currency, cap in currencies(limit).items():
                left = cap - sum(paid.get(currency, 0) for paid in same)
                if currency in amounts:
                    amounts[currency] = min(amounts[currency], max(left, 0))
        amounts = {unit: amount for unit, amount in amounts.items() if amount}
        if amounts:
            before.append((fact, amounts))
            units = tuple(sorted(amounts.items()))
            out.append((fact, Award(case.learner, case.rule["rule"], key, fact.happened, units)))
    return out


def is_same_cap(case: Case, limit: Json, earlier: Fact, now: Fact) -> bool:
    """Do two awards use the same cap: the same period and, with `from_each`, the same counterpart?"""
    return case.period(limit["per"], earlier) == case.period(limit["per"], now) and (
        "from_each" not in limit or seen_by(case, earlier, limit["from_each"]) == seen_by(case, now, limit["from_each"])
    )


def amounts_of(give: Json) -> dict[str, int]:
    return currencies(give) | {f"badge:{give[kind]}": 1 for kind in ("badge", "micro_credential") if kind in give}


def currencies(told: Json) -> dict[str, int]:
    """`points` of a gift or a limit: a number of points, or numbers by currency."""
    points = told.get("points", {})
    return dict(points) if isinstance(points, dict) else {"points": int(points)}


# --- the calendar --------------------------------------------------------------------------------------------------


def first_day(period: str, day: date) -> date:
    """The first day of the day, week (from Monday), month, quarter or year that holds this day."""
    match period:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return date(day.year, max(month for month in (1, 4, 7, 10) if month <= day.month), 1)
        case "year":
            return date(day.year, 1, 1)
        case "ever":
            return date(1, 1, 1)
    raise AssertionError(f"the oracle does not know the period {period!r}")


@cache
def periods_between(period: str, first: date, last: date) -> list[date]:
    """The first days of the periods after that of `first` and before that of `last`."""
    days = (first + timedelta(days=n) for n in range((last - first).days))
    return sorted({first_day(period, day) for day in days} - {first})


def back(now: datetime, duration: str, zone: ZoneInfo) -> datetime:
    """`now` less a duration: months and years on the zone's calendar, all else by the clock that runs."""
    number, unit = duration.split()
    amount, unit = int(number), unit.rstrip("s")
    if unit not in ("month", "year"):
        return now - amount * {
            "second": timedelta(seconds=1), "minute": timedelta(minutes=1), "hour": timedelta(hours=1),
            "day": timedelta(days=1), "week": timedelta(weeks=1),
        }[unit]  # fmt: skip
    local = now.astimezone(zone)
    year, month = local.year, local.month
    for _ in range(amount * (12 if unit == "year" else 1)):
        year, month = (year - 1, 12) if month == 1 else (year, month - 1)
    day = local.day
    while True:
        try:
            return local.replace(year=year, month=month, day=day, fold=0).astimezone(UTC)
        except ValueError:
            day -= 1


def ahead(now: datetime, duration: str, zone: ZoneInfo) -> datetime:
    """`now` and a duration: months and years on the zone's calendar, all else by the clock that runs."""
    number, unit = duration.split()
    amount, unit = int(number), unit.rstrip("s")
    if unit not in ("month", "year"):
        return now + amount * timedelta(**{"weeks" if unit == "week" else f"{unit}s": 1})
    local = now.astimezone(zone)
    months = local.year * 12 + local.month - 1 + amount * (12 if unit == "year" else 1)
    for day in range(local.day, 0, -1):
        try:
            there = local.replace(year=months // 12, month=months % 12 + 1, day=day, fold=0)
        except ValueError:
            continue
        return there.astimezone(UTC)
    raise AssertionError
