"""Next times agree with looking at every minute, in zones whose clocks jump; and what was stated holds to the letter."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck_daemon.almanac.rule import Rule, between, check_rule, latest, next_after
from quarterdeck_daemon.almanac.window import DAYS, Window, opening, window_of
from quarterdeck_daemon.almanac.zones import exists, microseconds, moment, text_of, wall
from quarterdeck_protocol.codes import QuarterdeckError

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC")
# Around the jumps of 2026 in these zones, and some quiet days.
STARTS = st.sampled_from(
    [datetime(2026, 3, 7, tzinfo=UTC), datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 4, 4, tzinfo=UTC),
     datetime(2026, 10, 3, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC),
     datetime(2026, 6, 10, tzinfo=UTC)]
)  # fmt: skip
CALM = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def at(text: str, zone: str) -> int:
    """Microseconds of a time with its offset."""
    return microseconds(datetime.fromisoformat(text).astimezone(ZoneInfo(zone)))


def times(rule: Rule, after: str, count: int) -> list[str]:
    zone = ZoneInfo(rule.zone)
    found, _ = between(rule, at(after, rule.zone), 1 << 61, limit=count)
    return [wall(at_us, zone).isoformat() for at_us in found]


# --- what is stated -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "day", "ran"),
    [
        ("Europe/Berlin", "2026-03-29", "2026-03-29T03:00:00+02:00"),
        ("America/New_York", "2026-03-08", "2026-03-08T03:00:00-04:00"),
        ("Europe/Berlin", "2026-10-25", "2026-10-25T02:30:00+02:00"),
        ("America/New_York", "2026-11-01", "2026-11-01T02:30:00-05:00"),
    ],
)
def test_half_past_two_is_run_once_on_days_that_lack_it_or_have_it_twice(zone: str, day: str, ran: str) -> None:
    """In New York the hour from one to two comes twice, so there half past two is an ordinary time in autumn."""
    midnight = wall(moment(datetime.fromisoformat(day), ZoneInfo(zone)), ZoneInfo(zone)).isoformat()
    for rule in (
        Rule(kind="cron", text="30 2 * * *", zone=zone),
        Rule(kind="rrule", text="FREQ=DAILY;BYHOUR=2;BYMINUTE=30;BYSECOND=0", zone=zone, begin_us=at(midnight, zone)),
        Rule(kind="at", text=f"{day}T02:30", zone=zone),
    ):
        first = times(rule, midnight, 1)
        assert first == [ran]
    rule = Rule(kind="cron", text="30 2 * * *", zone=zone)
    days = [when[:10] for when in times(rule, midnight, 3)]
    assert days == sorted(set(days)), "one run a day"


def test_new_york_has_half_past_one_twice_and_the_first_counts() -> None:
    rule = Rule(kind="cron", text="30 1 * * *", zone="America/New_York")
    assert times(rule, "2026-11-01T00:00:00-04:00", 2) == ["2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"]


def test_a_run_in_the_second_pass_of_an_hour_does_not_bring_the_first_again() -> None:
    """At 02:15 of the second pass, 02:30 has been; a time of the past is never next."""
    rule = Rule(kind="cron", text="30 2 * * *", zone="Europe/Berlin")
    assert times(rule, "2026-10-25T02:15:00+01:00", 1) == ["2026-10-26T02:30:00+01:00"]


def test_every_half_hour_follows_the_time_that_passes() -> None:
    rule = Rule(kind="cron", text="*/30 * * * *", zone="Europe/Berlin")
    assert times(rule, "2026-10-25T01:45:00+02:00", 4) == [
        "2026-10-25T02:00:00+02:00",
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:00:00+01:00",
        "2026-10-25T02:30:00+01:00",
    ]
    assert times(rule, "2026-03-29T01:15:00+01:00", 3) == [
        "2026-03-29T01:30:00+01:00",
        "2026-03-29T03:00:00+02:00",
        "2026-03-29T03:30:00+02:00",
    ]


@pytest.mark.parametrize(
    "rule",
    [
        Rule(kind="cron", text="* * * *"),
        Rule(kind="cron", text="0 0 9 * * *"),
        Rule(kind="cron", text="61 * * * *"),
        Rule(kind="cron", text="0 0 31 2 *"),
        Rule(kind="cron", text="0 0 * * nonsense"),
        Rule(kind="rrule", text="FREQ=SECONDLY"),
        Rule(kind="rrule", text="FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"),
        Rule(kind="rrule", text="FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"),
        Rule(kind="rrule", text="FREQ=DAILY;COUNT=0"),
        Rule(kind="rrule", text="FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24))) + ";BYMINUTE=0,30"),
        Rule(kind="rrule", text="DTSTART:20260101T000000\nRRULE:FREQ=DAILY"),
        Rule(kind="at", text="soon"),
        Rule(kind="at", text="0001-01-01T00:00"),
        Rule(kind="every", text="10ms", every_us=10_000),
        Rule(kind="cron", text="0 9 * * *", zone="Mars/Base"),
        Rule(kind="cron", text="0 9 * * *", zone="../../etc/passwd"),
        Rule(kind="cron", text="0 " * 2_000),
    ],
)  # fmt: skip
def test_what_can_never_be_followed_is_refused(rule: Rule) -> None:
    with pytest.raises(QuarterdeckError) as refused:
        check_rule(rule)
    assert refused.value.code == "bad_value"


# --- against every minute -------------------------------------------------------------------------


Field = tuple[str, frozenset[int]]


def numbers(low: int, high: int) -> st.SearchStrategy[Field]:
    """A field of a cron expression that names numbers, and those numbers."""
    some = st.sets(st.integers(low, high), min_size=1, max_size=3)
    return some.map(lambda ns: (",".join(map(str, sorted(ns))), frozenset(ns)))


def field(low: int, high: int) -> st.SearchStrategy[Field]:
    whole = list(range(low, high + 1))
    steps = st.integers(1, 6).map(lambda n: (f"*/{n}" if n > 1 else "*", frozenset(whole[::n])))
    return st.one_of(numbers(low, high), steps)


HOURS_OF_JUMPS = st.one_of(field(0, 23), numbers(0, 4))


@CALM
@given(
    start=STARTS, zone=st.sampled_from(ZONES), minute=field(0, 59), hour=HOURS_OF_JUMPS, shift=st.integers(0, 1_439)
)
def test_cron_agrees_with_looking_at_every_minute(
    start: datetime, zone: str, minute: Field, hour: Field, shift: int
) -> None:
    after = start + timedelta(minutes=shift)
    end = after + timedelta(days=3)
    rule = Rule(kind="cron", text=f"{minute[0]} {hour[0]} * * *", zone=zone)
    by_clock = minute[0].startswith("*") or hour[0].startswith("*")
    brute = passing if by_clock else on_the_wall
    wanted = [when for when in brute(start, end, ZoneInfo(zone), minute[1], hour[1]) if after < when <= end]
    found, _ = between(rule, microseconds(after), microseconds(end), limit=10_000)
    assert found == [microseconds(when) for when in wanted]


def minutes_of(start: datetime, end: datetime) -> Iterator[datetime]:
    count = int((end - start) / timedelta(minutes=1)) + 1
    return (start + timedelta(minutes=n) for n in range(count))


def passing(
    start: datetime, end: datetime, zone: ZoneInfo, minutes: frozenset[int], hours: frozenset[int]
) -> list[datetime]:
    """The minutes that pass and show a fitting time."""
    shown = ((when, when.astimezone(zone)) for when in minutes_of(start, end))
    return [when for when, wall_time in shown if wall_time.minute in minutes and wall_time.hour in hours]


def on_the_wall(
    start: datetime, end: datetime, zone: ZoneInfo, minutes: frozenset[int], hours: frozenset[int]
) -> list[datetime]:
    """Each fitting time of each day: when it is first shown, else the first minute after it was left out."""
    shown: dict[datetime, datetime] = {}
    for when in minutes_of(start - timedelta(days=2), end + timedelta(days=4)):
        shown.setdefault(when.astimezone(zone).replace(tzinfo=None), when)
    ordered = sorted(shown)
    found = set()
    for day in range(-1, 5):
        date = (start + timedelta(days=day)).replace(tzinfo=None)
        for hour, minute in itertools.product(hours, minutes):
            wanted = date.replace(hour=hour, minute=minute)
            found.add(shown[wanted] if wanted in shown else shown[next(one for one in ordered if one > wanted)])
    return sorted(found)


@CALM
@given(
    begin=st.integers(1_700_000_000, 1_760_000_000),
    freq=st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
    interval=st.integers(1, 5),
    days=st.sets(st.integers(0, 6), max_size=3),
    years=st.floats(0, 8),
    zone=st.sampled_from(ZONES),
)
def test_repetitions_agree_with_looking_at_every_day(
    begin: int, freq: str, interval: int, days: set[int], years: float, zone: str
) -> None:
    """Years after its beginning, too, where the rule is moved forward instead of counted from the start."""
    begin_us = begin * 1_000_000
    text = f"FREQ={freq};INTERVAL={interval}"
    text += (
        ";BYDAY=" + ",".join(DAYS[day][:2].upper() for day in sorted(days))
        if days and freq in ("DAILY", "WEEKLY")
        else ""
    )
    rule = Rule(kind="rrule", text=text, zone=zone, begin_us=begin_us)
    after_us = begin_us + int(years * 365) * DAY_US
    wanted = [when for when in by_day(rule, freq, interval, days, after_us) if when > after_us]
    found, _ = between(rule, after_us, wanted[-1] if wanted else after_us, limit=10_000)
    assert found == wanted


def by_day(rule: Rule, freq: str, interval: int, days: set[int], after_us: int) -> list[int]:
    zone = ZoneInfo(rule.zone)
    first = wall(rule.begin_us, zone).replace(tzinfo=None)
    last = wall(after_us, zone).replace(tzinfo=None) + timedelta(days=400 * (interval if freq == "YEARLY" else 1))
    monday = first - timedelta(days=first.weekday())
    found = []
    for number in range((last - first).days):
        day = first + timedelta(days=number)
        months = (day.year - first.year) * 12 + day.month - first.month
        fits = {
            "DAILY": number % interval == 0 and (not days or day.weekday() in days),
            "WEEKLY": (day - monday).days // 7 % interval == 0 and day.weekday() in (days or {first.weekday()}),
            "MONTHLY": months % interval == 0 and day.day == first.day,
            "YEARLY": (day.year - first.year) % interval == 0 and (day.month, day.day) == (first.month, first.day),
        }[freq]
        if fits:
            found.append(moment(day, zone))
    return sorted(set(found))


@CALM
@given(
    start=STARTS,
    minutes=st.integers(0, 3 * 1_440),
    zone=st.sampled_from(ZONES),
    hours=st.tuples(st.integers(0, 23), st.integers(0, 23)),
    days=st.sets(st.integers(0, 6), min_size=1),
)
def test_a_window_opens_at_the_first_minute_that_lies_in_it(
    start: datetime, minutes: int, zone: str, hours: tuple[int, int], days: set[int]
) -> None:
    if hours[0] == hours[1]:
        return
    names = ",".join(DAYS[day] for day in sorted(days))
    window = window_of(f"{hours[0]:02d}:00-{hours[1]:02d}:00 {names}")
    now = start + timedelta(minutes=minutes)
    found = opening(window, ZoneInfo(zone), microseconds(now))
    brute = next(when for when in minutes_of(now, now + timedelta(days=9)) if _is_open(window, when, ZoneInfo(zone)))
    assert found == microseconds(brute)


def _is_open(window: Window, when: datetime, zone: ZoneInfo) -> bool:
    """Whether it lies between an opening and the closing after it, each the moment that the wall time means."""
    here = when.astimezone(zone)
    for shift in (-1, 0):
        day = (here + timedelta(days=shift)).date()
        closes_on = day if window.closes > window.opens else day + timedelta(days=1)
        begin = moment(datetime.combine(day, window.opens), zone)
        end = moment(datetime.combine(closes_on, window.closes), zone)
        if day.weekday() in window.days and begin <= microseconds(when) < end:
            return True
    return False


@CALM
@given(start=STARTS, minutes=st.integers(0, 3 * 1_440), zone=st.sampled_from(ZONES))
def test_a_wall_time_means_the_first_moment_that_shows_it_or_comes_after_it(
    start: datetime, minutes: int, zone: str
) -> None:
    here = ZoneInfo(zone)
    naive = (start + timedelta(minutes=minutes)).replace(tzinfo=None)
    around = minutes_of(start - timedelta(days=1), start + timedelta(days=5))
    shown = [(when, when.astimezone(here).replace(tzinfo=None)) for when in around]
    assert exists(naive, here) == any(wall_time == naive for _, wall_time in shown)
    assert moment(naive, here) == microseconds(next(when for when, wall_time in shown if wall_time >= naive))


@CALM
@given(every=st.integers(1, 5_000), gone=st.integers(0, 10_000_000), count=st.integers(1, 30))
def test_the_latest_times_are_the_end_of_all_times(every: int, gone: int, count: int) -> None:
    begin = 1_700_000_000 * 1_000_000
    rule = Rule(kind="every", text=f"{every}m", begin_us=begin, every_us=every * MINUTE_US)
    upto = begin + gone * MINUTE_US // 10
    everything, _ = between(rule, begin, upto, limit=1_000_000)
    assert latest(rule, begin, upto, count=count) == everything[-count:]


def test_ten_years_of_every_minute_cost_no_more_than_a_day_of_them() -> None:
    """The clock jumped by ten years: the last times are found without the five million before them."""
    rule = Rule(kind="cron", text="* * * * *", zone="Europe/Berlin")
    begin = 1_790_000_000 * 1_000_000
    end = begin + 3_653 * DAY_US
    last = latest(rule, begin, end, count=3)
    assert last == [end - end % MINUTE_US - n * MINUTE_US for n in (2, 1, 0)]
    assert between(rule, begin, end, limit=10)[1]
    old = Rule(kind="rrule", text="FREQ=DAILY;BYHOUR=9;BYMINUTE=0;BYSECOND=0", zone="Europe/Berlin", begin_us=begin)
    assert text_of(latest(old, begin, end, count=1)[0], ZoneInfo("Europe/Berlin"))[11:19] == "09:00:00"


def test_there_is_no_time_after_the_last() -> None:
    begin = 1_790_000_000 * 1_000_000
    count = Rule(kind="rrule", text="FREQ=DAILY;COUNT=3", begin_us=begin)
    assert len(between(count, begin - 1, 1 << 61, limit=10)[0]) == 3
    until = Rule(kind="rrule", text="FREQ=DAILY;UNTIL=20260924", begin_us=begin)
    assert len(between(until, begin - 1, 1 << 61, limit=10)[0]) == 4
    assert next_after(Rule(kind="at", text="2026-01-01T09:00"), begin) is None
    assert next_after(Rule(kind="after", text="run.ended"), begin) is None
