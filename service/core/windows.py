"""Calendar periods: which day, week, month, quarter or year a moment falls into, in which time zone.

A period is a whole number, so that consecutive periods differ by one: weeks count Mondays since 0001-01-01, months
count months. A label (`2026-11`, `2026-W47`) is what people and URLs see. Weeks are those of ISO 8601: they start on
Monday, and week 1 holds the year's first Thursday. To add a window is a line in `WINDOWS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.core.rule import SECONDS, Duration


class Window(NamedTuple):
    """One length of period: date -> index, index -> its first day, index -> label, and the form of a label."""

    of: Callable[[date], int]
    first_day: Callable[[int], date]
    label: Callable[[int], str]
    form: re.Pattern[str]
    parse: Callable[[re.Match[str]], date]


def _day_label(index: int) -> str:
    return date.fromordinal(index).isoformat()


def _monday(index: int) -> date:
    return date.fromordinal(index * 7 + 1)


def _week_label(index: int) -> str:
    year, week, _ = _monday(index).isocalendar()
    return f"{year:04}-W{week:02}"


def _month_start(index: int) -> date:
    return date(index // 12, index % 12 + 1, 1)


def _quarter_start(index: int) -> date:
    return date(index // 4, index % 4 * 3 + 1, 1)


WINDOWS: dict[str, Window] = {
    "day": Window(
        date.toordinal, date.fromordinal, _day_label,
        re.compile(r"(\d{4})-(\d\d)-(\d\d)"), lambda m: date(int(m[1]), int(m[2]), int(m[3])),
    ),
    "week": Window(
        lambda d: (d.toordinal() - 1) // 7, _monday, _week_label,
        re.compile(r"(\d{4})-W(\d\d)"), lambda m: date.fromisocalendar(int(m[1]), int(m[2]), 1),
    ),
    "month": Window(
        lambda d: d.year * 12 + d.month - 1, _month_start, lambda i: f"{i // 12:04}-{i % 12 + 1:02}",
        re.compile(r"(\d{4})-(\d\d)"), lambda m: date(int(m[1]), int(m[2]), 1),
    ),
    "quarter": Window(
        lambda d: d.year * 4 + (d.month - 1) // 3, _quarter_start, lambda i: f"{i // 4:04}-Q{i % 4 + 1}",
        re.compile(r"(\d{4})-Q([1-4])"), lambda m: date(int(m[1]), int(m[2]) * 3 - 2, 1),
    ),
    "year": Window(
        lambda d: d.year, lambda i: date(i, 1, 1), lambda i: f"{i:04}",
        re.compile(r"(\d{4})"), lambda m: date(int(m[1]), 1, 1),
    ),
    "ever": Window(
        lambda _: 0, lambda _: date.min, lambda _: "ever",
        re.compile(r"ever"), lambda _: date.min,
    ),
}  # fmt: skip


@lru_cache(maxsize=4096)
def zone(name: str) -> ZoneInfo:
    """The IANA time zone of this name; ZoneInfoNotFoundError if there is none."""
    return ZoneInfo(name)


@lru_cache(maxsize=4096)
def local_day(moment: datetime, zone: ZoneInfo) -> date:
    """The day on which `moment` (aware) falls in `zone`. One moment is asked about for each limit and each board."""
    return _local(moment, zone).date()


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    """`moment` on the clocks of `zone`; at the ends of the calendar, where a zone would leave it, in UTC."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment.astimezone(UTC)


def index(period: str, moment: datetime, zone: ZoneInfo) -> int:
    """The period of this length that holds `moment`, as a number; the next period is one more."""
    return WINDOWS[period].of(local_day(moment, zone))


def label(period: str, index: int) -> str:
    """What people and URLs call this period: `2026-11-22`, `2026-W47`, `2026-11`, `2026-Q4`, `2026`, `ever`."""
    return WINDOWS[period].label(index)


def index_of_label(period: str, text: str) -> int:
    """The period that has this label; ValueError if the text is no label of a period of this length."""
    window = WINDOWS[period]
    match = window.form.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no {period}; write it like {window.label(window.of(date(2026, 11, 22)))}")
    return window.of(window.parse(match))


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of `day` in `zone`, as UTC."""
    return _utc(datetime(day.year, day.month, day.day, tzinfo=zone))


def begins(said: str, zone: ZoneInfo) -> datetime:
    """The moment that `2026-03-01`, a day in `zone`, or `2026-03-01T09:00:00Z` says; ValueError for anything else."""
    if len(said) == len("2026-03-01"):
        return start_of_day(date.fromisoformat(said), zone)
    moment = datetime.fromisoformat(said)
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return _utc(moment)


def _utc(local: datetime) -> datetime:
    """`local` as UTC; beyond the ends of the calendar the same clock time."""
    try:
        return local.astimezone(UTC)
    except OverflowError:
        return local.replace(tzinfo=UTC)


def before(moment: datetime, duration: Duration, zone: ZoneInfo) -> datetime:
    """`moment` minus `duration`: elapsed time up to weeks, the calendar of `zone` for months and years.

    A day that the month does not have is clipped to the month's end.
    """
    seconds = SECONDS.get(duration.unit)
    if seconds is not None:
        return _shifted(moment, timedelta(seconds=seconds * min(duration.amount, 10**12 // seconds)))
    months = duration.amount * (12 if duration.unit == "years" else 1)
    local = _local(moment, zone)
    target = local.year * 12 + local.month - 1 - months
    if target < 12:
        return datetime.min.replace(tzinfo=UTC)
    year, month = divmod(target, 12)
    day = min(local.day, _days_in_month(year, month + 1))
    return _utc(local.replace(year=year, month=month + 1, day=day, fold=0))


CLIPPED = timedelta(days=4)
"""A month before 31 March begins earlier than one before 29 March: so long may a match outside come inside again."""


def after(moment: datetime, duration: Duration, zone: ZoneInfo) -> datetime:
    """`moment` plus `duration`, counted as `before` counts it; beyond the end of the calendar its last moment."""
    try:
        found = before(moment, Duration(-duration.amount, duration.unit), zone)
    except (OverflowError, ValueError):
        found = moment
    return found if found > moment else datetime.max.replace(tzinfo=UTC)


FOREVER = datetime.max.replace(tzinfo=UTC)


def expiry(happened: datetime, life: Duration | None, zone: str | None) -> datetime | None:
    """When an award that was earned at `happened` ends; None: never, or beyond the calendar."""
    until = FOREVER if life is None else after(happened, life, ZoneInfo(zone or "UTC"))
    return until if until < FOREVER else None


def _shifted(moment: datetime, back: timedelta) -> datetime:
    try:
        return moment - back
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def _days_in_month(year: int, month: int) -> int:
    first_of_next = date(year + month // 12, month % 12 + 1, 1)
    return (first_of_next - timedelta(days=1)).day


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first moment after `day` in `zone`, as UTC."""
    return start_of_day(day + timedelta(days=1), zone)
