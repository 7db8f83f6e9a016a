"""Calendar periods and durations, in zones whose clocks do what clocks do."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core import windows
from service.core.rule import Duration, Unit

ZONES = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "Pacific/Honolulu",
]
DAWN, DUSK = (moment.replace(tzinfo=UTC) for moment in (datetime.min, datetime.max))

days = st.dates()
moments = st.datetimes(timezones=st.just(UTC))
zones = st.sampled_from(ZONES).map(windows.zone)
periods = st.sampled_from(sorted(windows.WINDOWS))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def before(moment: str, amount: int, unit: Unit, zone: str = "UTC") -> str:
    """The moment so long before another, as the clock of the zone shows it."""
    earlier = windows.before(at(moment), Duration(amount, unit), windows.zone(zone))
    return earlier.astimezone(windows.zone(zone)).isoformat()


def label(period: str, moment: str, zone: str = "UTC") -> str:
    return windows.label(period, windows.index(period, at(moment), windows.zone(zone)))


# --- what a period is called ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "week"),
    [
        ("2020-12-31", "2020-W53"),
        ("2021-01-03", "2020-W53"),
        ("2021-01-04", "2021-W01"),
        ("2024-12-29", "2024-W52"),
        ("2024-12-30", "2025-W01"),
        ("2026-12-31", "2026-W53"),
        ("2027-01-03", "2026-W53"),
        ("2027-01-04", "2027-W01"),
        ("2016-01-03", "2015-W53"),
        ("2008-12-29", "2009-W01"),
    ],
)
def test_a_week_belongs_to_the_year_of_its_thursday(day: str, week: str) -> None:
    assert label("week", f"{day}T12:00:00+00:00") == week


@pytest.mark.parametrize(
    ("day", "quarter"),
    [
        ("2026-01-01", "2026-Q1"),
        ("2026-03-31", "2026-Q1"),
        ("2026-04-01", "2026-Q2"),
        ("2026-06-30", "2026-Q2"),
        ("2026-07-01", "2026-Q3"),
        ("2026-09-30", "2026-Q3"),
        ("2026-10-01", "2026-Q4"),
        ("2026-12-31", "2026-Q4"),
    ],
)
def test_a_quarter_is_three_months(day: str, quarter: str) -> None:
    assert label("quarter", f"{day}T12:00:00+00:00") == quarter


def test_every_period_of_a_leap_day_has_a_label() -> None:
    labels = [label(period, "2024-02-29T23:59:59+00:00") for period in windows.WINDOWS]
    assert labels == ["2024-02-29", "2024-W09", "2024-02", "2024-Q1", "2024", "ever"]


@given(periods, days)
def test_a_label_says_which_period_it_is(period: str, day: date) -> None:
    index = windows.WINDOWS[period].of(day)
    assert windows.index_of_label(period, windows.label(period, index)) == index


@given(periods.filter(lambda period: period != "ever"), days.filter(lambda day: day > date(1, 12, 31)))
def test_the_day_before_a_period_begins_is_in_the_one_before(period: str, day: date) -> None:
    window = windows.WINDOWS[period]
    first = window.first_day(window.of(day))
    assert first <= day
    assert window.of(first) == window.of(day)
    assert window.of(first - timedelta(days=1)) == window.of(day) - 1


@pytest.mark.parametrize(
    ("period", "text"),
    [
        ("day", "2026-02-29"),
        ("day", "2026-13-01"),
        ("day", "2026-1-1"),
        ("day", "0000-01-01"),
        ("day", "2026-01-01 "),
        ("day", "٢٠٢٦-01-01x"),
        ("week", "2026-W54"),
        ("week", "2025-W53"),
        ("week", "2026-W00"),
        ("week", "2026W01"),
        ("week", "2026-w01"),
        ("month", "2026-00"),
        ("month", "2026-13"),
        ("month", "2026"),
        ("quarter", "2026-Q0"),
        ("quarter", "2026-Q5"),
        ("quarter", "0000-Q1"),
        ("year", "0000"),
        ("year", "26"),
        ("year", "20266"),
        ("ever", ""),
        ("ever", "Ever"),
        ("ever", "ever\n"),
    ],
)
def test_what_is_no_label_is_refused(period: str, text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any sentence will do
        windows.index_of_label(period, text)


def test_a_refused_label_shows_a_right_one() -> None:
    with pytest.raises(ValueError, match="'W47' is no week; write it like 2026-W47"):
        windows.index_of_label("week", "W47")


# --- whose day it is --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        ("2026-03-08T04:59:59+00:00", "America/New_York", "2026-03-07"),
        ("2026-03-08T05:00:00+00:00", "America/New_York", "2026-03-08"),
        ("2026-03-09T03:59:59+00:00", "America/New_York", "2026-03-08"),  # a day of 23 hours
        ("2026-03-09T04:00:00+00:00", "America/New_York", "2026-03-09"),
        ("2026-11-01T04:00:00+00:00", "America/New_York", "2026-11-01"),
        ("2026-11-02T04:59:59+00:00", "America/New_York", "2026-11-01"),  # a day of 25 hours
        ("2026-11-02T05:00:00+00:00", "America/New_York", "2026-11-02"),
        ("2026-03-28T22:59:59+00:00", "Europe/Berlin", "2026-03-28"),
        ("2026-03-28T23:00:00+00:00", "Europe/Berlin", "2026-03-29"),
        ("2026-03-29T22:00:00+00:00", "Europe/Berlin", "2026-03-30"),
        ("2026-10-25T22:59:59+00:00", "Europe/Berlin", "2026-10-25"),
        ("2026-10-25T23:00:00+00:00", "Europe/Berlin", "2026-10-26"),
        ("2026-04-04T12:59:59+00:00", "Australia/Lord_Howe", "2026-04-04"),  # summer: +11:00
        ("2026-04-04T13:00:00+00:00", "Australia/Lord_Howe", "2026-04-05"),
        ("2026-04-05T13:29:59+00:00", "Australia/Lord_Howe", "2026-04-05"),  # winter: +10:30, a day of 24.5 hours
        ("2026-04-05T13:30:00+00:00", "Australia/Lord_Howe", "2026-04-06"),
        ("2026-11-22T18:14:59+00:00", "Asia/Kathmandu", "2026-11-22"),
        ("2026-11-22T18:15:00+00:00", "Asia/Kathmandu", "2026-11-23"),
    ],
)
def test_a_day_begins_at_midnight_on_the_clocks_of_the_zone(moment: str, zone: str, day: str) -> None:
    assert label("day", moment, zone) == day


def test_a_week_begins_on_monday_on_the_clocks_of_the_zone() -> None:
    assert label("week", "2026-11-22T18:14:59+00:00", "Asia/Kathmandu") == "2026-W47"
    assert label("week", "2026-11-22T18:15:00+00:00", "Asia/Kathmandu") == "2026-W48"


@given(moments.filter(lambda moment: moment.year < 9999), zones)
def test_a_moment_lies_between_the_beginning_and_the_end_of_its_day(moment: datetime, zone: ZoneInfo) -> None:
    day = windows.local_day(moment, zone)
    assert windows.start_of_day(day, zone) <= moment
    assert moment < windows.end_of_day(day, zone)


@given(moments, zones, periods)
def test_every_moment_of_the_calendar_has_its_periods(moment: datetime, zone: ZoneInfo, period: str) -> None:
    assert windows.label(period, windows.index(period, moment, zone))


@pytest.mark.parametrize("zone", ZONES)
def test_the_ends_of_the_calendar_have_their_days(zone: str) -> None:
    assert windows.local_day(DAWN, windows.zone(zone)) == date.min
    assert windows.local_day(DUSK, windows.zone(zone)) == date.max
    assert windows.start_of_day(date.min, windows.zone(zone)) - DAWN < timedelta(days=1)


# --- so long before ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "amount", "unit", "earlier"),
    [
        ("2026-11-22T12:00:00+00:00", 90, "seconds", "2026-11-22T11:58:30+00:00"),
        ("2026-11-22T12:00:00+00:00", 36, "hours", "2026-11-21T00:00:00+00:00"),
        ("2026-11-22T12:00:00+00:00", 2, "weeks", "2026-11-08T12:00:00+00:00"),
        ("2026-03-31T12:00:00+00:00", 1, "months", "2026-02-28T12:00:00+00:00"),
        ("2024-03-31T12:00:00+00:00", 1, "months", "2024-02-29T12:00:00+00:00"),
        ("2026-01-15T12:00:00+00:00", 1, "months", "2025-12-15T12:00:00+00:00"),
        ("2026-12-31T12:00:00+00:00", 18, "months", "2025-06-30T12:00:00+00:00"),
        ("2024-02-29T12:00:00+00:00", 1, "years", "2023-02-28T12:00:00+00:00"),
        ("2024-02-29T12:00:00+00:00", 4, "years", "2020-02-29T12:00:00+00:00"),
    ],
)
def test_months_and_years_are_clipped_to_the_end_of_the_month(
    moment: str, amount: int, unit: Unit, earlier: str
) -> None:
    assert before(moment, amount, unit) == earlier


def test_a_day_is_24_hours_and_a_month_is_the_same_time_on_the_clock() -> None:
    noon = "2026-03-29T12:00:00+02:00"  # the day on which Berlin's clocks spring forward
    assert before(noon, 1, "days", "Europe/Berlin") == "2026-03-28T11:00:00+01:00"
    assert before(noon, 1, "months", "Europe/Berlin") == "2026-02-28T12:00:00+01:00"


def test_a_time_that_the_clock_skips_is_read_as_before_the_jump() -> None:
    assert before("2026-04-29T02:30:00+02:00", 1, "months", "Europe/Berlin") == "2026-03-29T03:30:00+02:00"


def test_a_time_that_comes_twice_is_the_first() -> None:
    assert before("2026-11-25T02:30:00+01:00", 1, "months", "Europe/Berlin") == "2026-10-25T02:30:00+02:00"
    second = "2026-10-25T02:30:00+01:00"
    assert before(second, 6, "years", "Europe/Berlin") == "2020-10-25T02:30:00+02:00"


def test_nothing_is_before_the_beginning_of_the_calendar() -> None:
    for months in (6, 7, 17, 18):
        assert before("0001-06-30T12:00:00+00:00", months, "months") == DAWN.isoformat()
    assert before("0001-06-30T12:00:00+00:00", 5, "months") == "0001-01-30T12:00:00+00:00"


@pytest.mark.parametrize("unit", ["seconds", "minutes", "hours", "days", "weeks", "months", "years"])
@pytest.mark.parametrize("amount", [10**6, 10**9, 10**18, 10**400], ids=["6", "9", "18", "400"])
def test_an_enormous_duration_reaches_back_to_the_beginning(unit: Unit, amount: int) -> None:
    earlier = windows.before(at("2026-11-22T12:00:00+00:00"), Duration(amount, unit), windows.zone("UTC"))
    assert DAWN <= earlier <= at("2026-11-11T00:00:00+00:00")
    if amount >= 10**18:
        assert earlier == DAWN


@given(moments, zones, st.integers(1, 100), st.sampled_from(["days", "months", "years"]))
def test_a_longer_duration_never_reaches_back_less(moment: datetime, zone: ZoneInfo, amount: int, unit: Unit) -> None:
    shorter, longer = (windows.before(moment, Duration(size, unit), zone) for size in (amount, amount + 1))
    assert longer <= shorter <= moment
