"""The facts about intervals: order, yearly partitions, and the noon breaks of the exchange calendars."""

from datetime import date

import exchange_calendars
import pytest

from delta_tables.intervals import (
    INTERVAL_MINUTES,
    INTERVALS_BY_PREFERENCE,
    NOON_BREAKS,
    is_year_partition,
    year_partition,
)
from jobs.market_calendar.sessions import ZONE_OF


def test_daily_bars_are_preferred_then_the_finest() -> None:
    by_length = sorted(INTERVAL_MINUTES, key=lambda name: (name != "1day", INTERVAL_MINUTES[name]))
    assert list(INTERVALS_BY_PREFERENCE) == by_length


@pytest.mark.parametrize("session", [date(2026, 1, 1), date(2026, 7, 3), date(2026, 12, 31)])
def test_daily_bars_lie_in_the_partition_of_their_year(session: date) -> None:
    assert year_partition(session) == date(2026, 1, 1)
    assert is_year_partition(session) == (session == date(2026, 1, 1))


@pytest.mark.parametrize("name", sorted(ZONE_OF))
def test_the_noon_breaks_are_those_of_the_calendars(name: str) -> None:
    calendar = exchange_calendars.get_calendar(name, start="2026-01-01", end="2026-06-30")
    schedule = calendar.schedule.dropna(subset=["break_start"])
    breaks = {
        tuple(at.hour * 3600 + at.minute * 60 for at in pair)
        for pair in zip(schedule["break_start"], schedule["break_end"], strict=True)
    }
    assert breaks == ({NOON_BREAKS[name]} if name in NOON_BREAKS else set())
