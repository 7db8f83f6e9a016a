"""What a rule says, as values: every word of the YAML resolved, ready to be matched and folded.

`language.py` makes these from YAML; nothing here knows files or positions. The values are msgspec structs, so that
the store can keep the resolved form as JSON and a worker loads ten thousand rules without parsing YAML.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from service.core.templates import Template

Text = str | Mapping[str, str]
"""What people read: a string, or a language map (`{"en": …, "de": …}`)."""

Role = Literal["actor", "instructor", "object", "team"]
Period = Literal["day", "week", "month", "quarter", "year", "ever"]
Status = Literal["draft", "trial", "live", "retired"]
Unit = Literal["seconds", "minutes", "hours", "days", "weeks", "months", "years"]


class Duration(Struct, frozen=True):
    """`90 days`; seconds to weeks are elapsed time, months and years are counted on the calendar."""

    amount: int
    unit: Unit

    def __str__(self) -> str:
        return f"{self.amount} {self.unit if self.amount != 1 else self.unit[:-1]}"

    @property
    def seconds(self) -> int:
        """The length of a duration that is no months or years."""
        return self.amount * SECONDS[self.unit]


SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800}
"""The units that have the same length everywhere, in seconds."""


# --- conditions -------------------------------------------------------------------------------------------------


class Among(Struct, frozen=True, tag="among"):
    """One text of the statement is one of these, or starts with one of these prefixes."""

    key: Literal["verb", "type", "object", "source", "capture", "platform", "language", "registration"]
    any_of: tuple[str, ...] = ()
    starts_with: tuple[str, ...] = ()


class Present(Struct, frozen=True, tag="present"):
    """Something of the statement is there, or is not."""

    key: Literal["platform", "language", "registration", "attachments", "response"]
    present: bool = True


class Carries(Struct, frozen=True, tag="carries"):
    """A list of ids of the statement holds one of `any_of`, and of each group in `all_of` at least one.

    `all_of` is a tuple of groups because one vocabulary word may stand for several IRIs.
    """

    key: Literal["tagged", "part_of", "attachments"]
    any_of: tuple[str, ...] = ()
    all_of: tuple[tuple[str, ...], ...] = ()


class Measures(Struct, frozen=True, tag="measures"):
    """A number of the statement lies within bounds; a missing number never does.

    duration: in seconds. response: the length of the text.
    """

    key: Literal["score", "raw_score", "duration", "response"]
    at_least: float | None = None
    more_than: float | None = None
    at_most: float | None = None
    less_than: float | None = None


class Answers(Struct, frozen=True, tag="answers"):
    """`success` or `completion` of the result is this; a missing one is neither."""

    key: Literal["success", "completion"]
    value: bool


class Names(Struct, frozen=True, tag="names"):
    """A role is filled or empty, or filled with the agent that has this identifier key (see `statement.identifier`)."""

    key: Literal["instructor", "team"]
    present: bool = True
    identifier: str | None = None


class Same(Struct, frozen=True, tag="same"):
    """Two roles share a learner; only in `unless`. The recipient's own role is the recipient alone."""

    roles: tuple[Role, Role]


class Holds(Struct, frozen=True, tag="holds"):
    """A value at a path is one of these and lies within the bounds; or, with `present: false`, none is there."""

    path: tuple[str | int | None, ...]
    any_of: tuple[str | int | float | bool, ...] = ()
    at_least: float | None = None
    more_than: float | None = None
    at_most: float | None = None
    less_than: float | None = None
    present: bool = True
    key: Literal["value"] = "value"


class Swapped(Struct, frozen=True, tag="swapped"):
    """The two learners did it the other way round before; only in `unless`, and one of the roles receives."""

    roles: tuple[Role, Role]
    within: Duration | None = None


Condition = Among | Present | Carries | Measures | Answers | Names | Holds | Template | Same | Swapped


# --- from matches to awards -------------------------------------------------------------------------------------


class Each(Struct, frozen=True, tag="each"):
    """Every match gives."""


class Count(Struct, frozen=True, tag="count"):
    """The `reach`-th (different) match gives, inside a rolling window or a calendar period where one is named.

    `reach` is None when `give` is a list of tiers: each tier's `at` is one.
    `different` names what must differ: object, actor, instructor, day, registration, …
    """

    reach: int | None = None
    different: str | None = None
    within: Duration | None = None
    calendar: Period | None = None
    repeat: bool = False


class Forgive(Struct, frozen=True):
    """Up to `missed` periods without a match are forgiven in each `per`."""

    missed: int
    per: Period


class Streak(Struct, frozen=True, tag="streak"):
    """Consecutive periods with at least one match; the tiers of `give` say what a run of which length gives."""

    every: Literal["day", "week", "month", "quarter", "year"]
    forgive: Forgive | None = None


Amount = Literal["score", "raw_score", "duration"]
"""What `sum` and `best` take of a statement."""


class Sum(Struct, frozen=True, tag="sum"):
    """The match gives at which the total reaches `reach`, a number or a length of time."""

    of: Amount
    reach: Decimal | Duration
    within: Duration | None = None
    calendar: Period | None = None
    repeat: bool = False


class Steps(Struct, frozen=True, tag="sequence"):
    """The match gives that is the last of the steps, when the others came before it in their order."""

    steps: tuple[tuple[Condition, ...], ...]
    within: Duration | None = None
    repeat: bool = False


class First(Struct, frozen=True, tag="first"):
    """The first so many learners receive; what comes in later than `settle` after it happened does not compete."""

    learners: int
    settle: Duration | None = None


class Best(Struct, frozen=True, tag="best"):
    """The best score at each object is worth that part of the points."""

    of: Literal["score", "raw_score"] = "score"
    per: Literal["object"] = "object"


# --- rules that read awards -------------------------------------------------------------------------------------


class NeedBadge(Struct, frozen=True, tag="badge"):
    """To hold an award of this achievement that has not expired."""

    badge: str

    def __str__(self) -> str:
        return f"badge {self.badge}"


class NeedPoints(Struct, frozen=True, tag="points"):
    """To have had so much of a currency. level: the level that it is the beginning of, where a level is needed."""

    amount: int
    currency: str = "points"
    level: int | None = None

    def __str__(self) -> str:
        return f"level {self.level}" if self.level is not None else f"{self.amount} {self.currency}"


class NeedStatement(Struct, frozen=True, tag="statement"):
    """A statement about the learner, who is the one in the role `to`.

    after: only once the badges are there that are needed beside it; within: and no later than this after the last.
    """

    name: str
    when: tuple[Condition, ...]
    unless: tuple[tuple[Condition, ...], ...] = ()
    to: Role = "actor"
    after: bool = False
    within: Duration | None = None

    def __str__(self) -> str:
        return self.name


class NeedSome(Struct, frozen=True, tag="some"):
    """At least so many of these."""

    at_least: int
    of: tuple[Need, ...]

    def __str__(self) -> str:
        return f"{self.at_least} of {', '.join(map(str, self.of))}"


Need = NeedBadge | NeedPoints | NeedStatement | NeedSome


class Renewal(Struct, frozen=True):
    """What renews the badge of a rule with needs, and when; see `Renewed`."""

    evidence: NeedStatement
    within: Duration
    late: Duration | None = None


class Needs(Struct, frozen=True, tag="needs"):
    """All of these together give: once, or with a renewal again after each period that ended without one."""

    all_of: tuple[Need, ...]
    renewal: Renewal | None = None


class Renewed(Struct, frozen=True, tag="renewed"):
    """A badge that expires: `by` says how matches of the first of the `steps` earn it; one of the second renews it.

    Whoever let it expire earns it anew, by what happens from the end of the validity on.

    within: how long before the end of its validity it can be renewed. late: how long after it.
    """

    steps: tuple[tuple[Condition, ...], ...]
    by: Each | Count
    within: Duration
    late: Duration | None = None

    @property
    def different(self) -> str | None:
        """What must differ between the matches that earn it."""
        return self.by.different if isinstance(self.by, Count) else None


class Cap(Struct, frozen=True, tag="cap"):
    """A `caps:` document: at most `points` of a currency in each period, over these rules together.

    over: None for all rules; `tagged` names rules by their own tags instead.
    """

    points: int
    currency: str
    per: Period
    over: tuple[str, ...] | None = None
    tagged: str | None = None


Kind = Each | Count | Sum | Streak | Steps | First | Best | Needs | Cap | Renewed


class Grant(Struct, frozen=True):
    """What one award gives: amounts by currency, and at most one badge or micro-credential.

    `at` is set for tiers; `again` lets a streak's tier be earned by every run.
    """

    points: tuple[tuple[str, int], ...] = ()
    badge: str | None = None
    micro_credential: str | None = None
    at: int | None = None
    again: bool = False


class Limit(Struct, frozen=True):
    """At most `points` of `currency`, or `awards` awards, in each calendar period, for each counterpart of `from_each`.

    `clause` is the limit in words, as a refusal shows it: `limit 50 points per day`.
    """

    per: Period
    points: int | None = None
    currency: str = "points"
    awards: int | None = None
    from_each: Role | None = None
    clause: str = ""


class Rule(Struct, frozen=True):
    """A rule with every vocabulary word resolved to its IRIs."""

    name: str
    when: tuple[Condition, ...]
    give: tuple[Grant, ...]
    """One grant, or the tiers in ascending order of `at`."""
    title: Text = ""
    how_to_earn: Text = ""
    status: Status = "live"
    first_day: date | None = None
    last_day: date | None = None
    time_zone: str | None = None
    unless: tuple[tuple[Condition, ...], ...] = ()
    """None of these may hold; one holds when all conditions in it do."""
    to: Role = "actor"
    kind: Kind = Each()
    once_per: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    expires: Duration | None = None
    how_to_renew: Text = ""
    if_undone: Literal["revoke", "keep", "ask"] = "ask"
    tags: tuple[str, ...] = ()


def leaves(rule: Rule) -> Iterator[NeedBadge | NeedPoints | NeedStatement]:
    """Every single need of a rule with `needs`, in the order written."""
    return _leaves(rule.kind.all_of) if isinstance(rule.kind, Needs) else iter(())


def _leaves(needs: Iterable[Need]) -> Iterator[NeedBadge | NeedPoints | NeedStatement]:
    for need in needs:
        if isinstance(need, NeedSome):
            yield from _leaves(need.of)
        else:
            yield need


def statements(rule: Rule) -> tuple[NeedStatement, ...]:
    """The statements that a rule with `needs` needs, and last what renews; a match tells by its places which it is."""
    renewal = rule.kind.renewal if isinstance(rule.kind, Needs) else None
    needed = tuple(need for need in leaves(rule) if isinstance(need, NeedStatement))
    return (*needed, renewal.evidence) if renewal else needed


# --- what rules are about ---------------------------------------------------------------------------------------


class Levels(Struct, frozen=True):
    """What a learner has reached by their points: (level, the points it begins at), ascending in both."""

    name: str
    at: tuple[tuple[int, int], ...]
    points: str = "points"
    title: Text = ""

    def level(self, amount: int) -> int | None:
        """The level of somebody who has this amount; None before the first."""
        return max((level for level, least in self.at if least <= amount), default=None)


class Board(Struct, frozen=True):
    """A leaderboard: which points, of which rules, over which period, and how ties are ranked.

    `from_rules` is None for all rules; `tagged` names rules by their own tags instead.
    """

    name: str
    title: Text
    points: str = "points"
    period: Period = "ever"
    from_rules: tuple[str, ...] | None = None
    tagged: str | None = None
    ties: Literal["shared", "dense", "first"] = "shared"
    who: Literal["everyone", "opted_in"] = "opted_in"
    time_zone: str | None = None
