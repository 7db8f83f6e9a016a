"""How matches become awards, as a rule says it: the keys of each kind, and what must be true between them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from service.core import scalars
from service.core.conditions import WHEN_FORM
from service.core.forms import Form, Key, Reading, Table, either, expected, list_of, mapping
from service.core.needs_form import NEEDS_FORM
from service.core.places import Items, Node, Pairs, Scalar
from service.core.rule import Best, Count, Duration, Each, First, Forgive, Steps, Streak, Sum
from service.core.scalars import DURATION, LENGTH, TRUTH

LONGEST_COUNT = 10_000
PERIODS = ("day", "week", "month", "quarter", "year", "ever")
VALUES = (
    *("object", "actor", "instructor", "team", "registration", "day", "week", "month", "quarter", "year"),
    *("verb", "type", "source", "capture", "platform", "language"),
)
"""What `once_per` and `different` may compare."""

PER = scalars.one_of(*PERIODS)


def _each(reading: Reading, node: Node, name: str) -> Each | None:
    if (isinstance(node, Scalar) and (node.empty or node.text == "true")) or (
        isinstance(node, Pairs) and not node.pairs
    ):
        return Each()
    expected(reading, node, name, EACH)
    return None


EACH: Form[Each] = Form(
    "nothing more", "{}", {"anyOf": [{"type": "object", "maxProperties": 0}, {"enum": [True, None]}]}, _each
)

_CALENDAR: Table = {"calendar": Key(PER, "the match's own day, week, month, …", required=True)}
_IN_CALENDAR: Form[str] = mapping('"within"', "{calendar: month}", _CALENDAR, lambda found: found["calendar"])
WITHIN = either(
    "a duration, or {calendar: month}",
    "90 days",
    lambda node: _IN_CALENDAR if isinstance(node, Pairs) else DURATION,
    DURATION,
    _IN_CALENDAR,
)

COUNT: Table = {
    "reach": Key(scalars.whole(1, LONGEST_COUNT, 5), "the match that gives; left out when `give` is a list of tiers"),
    "different": Key(scalars.one_of(*VALUES), "matches with the same value count as one, the latest"),
    "within": Key(WITHIN, "only matches in this window count: back from the latest match, or its own calendar period"),
    "repeat": Key(TRUTH, "start over after each award, using every match once; default false"),
}


FORGIVE: Table = {
    "missed": Key(scalars.whole(1, 1000, 1), "so many missed periods break nothing", required=True),
    "per": Key(PER, "in each of these, which are longer than `every`", required=True),
}
MOST_WITHIN = {
    "day": {"week": 7, "month": 31, "quarter": 92, "year": 366},
    "week": {"month": 5, "quarter": 14, "year": 53},
    "month": {"quarter": 3, "year": 12},
    "quarter": {"year": 4},
}
"""How many periods begin in a longer one, at most."""


def _check_streak(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    """A streak must be able to break: otherwise a gap of any length would be forgiven, period by period."""
    written, every, forgive = node.get("forgive"), found.get("every"), found.get("forgive")
    if not isinstance(written, Pairs) or every is None or forgive is None:
        return
    if PERIODS.index(forgive.per) <= PERIODS.index(every):
        longer = PERIODS[PERIODS.index(every) + 1]
        reading.error(
            written.get("per") or written,
            f"A {forgive.per} is not longer than the {every} that is missed: "
            f"write a longer period, like per: {longer}.",
        )
    elif forgive.missed >= (most := MOST_WITHIN.get(every, {}).get(forgive.per, forgive.missed + 1)):
        reading.error(
            written.get("missed") or written,
            f"No {forgive.per} has more than {most} {every}s, so this streak would never break: "
            f"write a number below {most}.",
        )


def _windowed(make: Callable[..., Any]) -> Callable[[dict[str, Any]], Any]:
    """`within` is a duration or a calendar period; the value keeps them apart."""

    def made(found: dict[str, Any]) -> Any:
        within = found.pop("within", None)
        return make(**found, within=within) if isinstance(within, Duration) else make(**found, calendar=within)

    return made


LARGEST_SUM = 1e9
_TOTAL = scalars.number(1e-6, LARGEST_SUM, "a number above zero", "300")
_REACH = either(
    "a number, or a length of time for durations",
    "10 hours",
    lambda node: LENGTH if isinstance(node, Scalar) and " " in node.text else _TOTAL,
    LENGTH,
    _TOTAL,
)


def _check_sum(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    of, reach = found.get("of"), found.get("reach")
    if of is None or reach is None or isinstance(reach, Duration) == (of == "duration"):
        return
    form = LENGTH if of == "duration" else _TOTAL
    reading.error(
        node.get("reach") or node, f"A sum of {of} reaches {form.words}: write one, like reach: {form.example}."
    )


def _make_sum(found: dict[str, Any]) -> Sum:
    reach = found.pop("reach")
    exact = reach if isinstance(reach, Duration) else Decimal(str(reach))
    made: Sum = _windowed(Sum)({**found, "reach": exact})
    return made


SUM: Table = {
    "of": Key(scalars.one_of("score", "raw_score", "duration", example="duration"), "what is added up", required=True),
    "reach": Key(_REACH, "the total that gives; a length of time for durations", required=True),
    "within": Key(WITHIN, "only matches in this window count: back from the latest match, or its own calendar period"),
    "repeat": Key(TRUTH, "start over after each award, using every match once; default false"),
}
MOST_STEPS = 20
_STEPS = list_of(WHEN_FORM, example="[{verb: started}, {verb: completed}]")


def _check_sequence(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    steps = node.get("steps")
    if isinstance(steps, Items) and "steps" in found and not 2 <= len(steps.items) <= MOST_STEPS:
        reading.error(steps, f"A sequence has from 2 to {MOST_STEPS} steps: write them one below the other.")


SEQUENCE: Table = {
    "steps": Key(_STEPS, "what has to happen, in this order; each like `when`", required=True),
    "within": Key(DURATION, "the last step comes at most so long after the first"),
    "repeat": Key(TRUTH, "start over after each award, using every match once; default false"),
}
FIRST: Table = {
    "learners": Key(scalars.whole(1, LONGEST_COUNT, 10), "so many learners receive, each once", required=True),
    "settle": Key(DURATION, "what comes in later than this after it happened does not compete"),
}
BEST: Table = {
    "of": Key(scalars.one_of("score", "raw_score"), "what is compared", required=True),
    "per": Key(scalars.one_of("object"), "for each object on its own", required=True),
}


STREAK: Table = {
    "every": Key(scalars.one_of(*PERIODS[:-1], example="week"), "the periods that follow each other", required=True),
    "forgive": Key(
        mapping('"forgive"', "{missed: 1, per: quarter}", FORGIVE, lambda f: Forgive(**f)), "misses allowed"
    ),
}
KINDS: Table = {
    "each": Key(EACH, "every match gives (this is the default)"),
    "count": Key(mapping('"count"', "{reach: 5}", COUNT, _windowed(Count)), "so many matches give"),
    "streak": Key(
        mapping('"streak"', "{every: week}", STREAK, lambda found: Streak(**found), _check_streak),
        "periods in a row with at least one match; `give` is a list of tiers",
    ),
    "sum": Key(mapping('"sum"', "{of: duration, reach: 10 hours}", SUM, _make_sum, _check_sum), "a total gives"),
    "sequence": Key(
        mapping(
            '"sequence"',
            "{steps: [{verb: started}, {verb: completed}], within: 30 days}",
            SEQUENCE,
            lambda found: Steps(**found),
            _check_sequence,
        ),
        "several steps in their order give; `when` may be left out then",
    ),
    "first": Key(
        mapping('"first"', "{learners: 10, settle: 7 days}", FIRST, lambda found: First(**found)),
        "the first so many learners receive",
    ),
    "best": Key(
        mapping('"best"', "{of: score, per: object}", BEST, lambda found: Best(**found)),
        "the best score so far at each object, times the points; a better attempt adds the difference",
    ),
    "needs": Key(NEEDS_FORM, "badges, points, levels and statements that give together, once; instead of `when`"),
}
"""At most one of these; `each` where there is none."""
