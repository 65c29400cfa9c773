"""Call windows: remaining calls, forecasts, and the calendar day on which clocks go back."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest

from flows.handlers.errors import ProviderError
from flows.handlers.models import RateLimit
from flows.handlers.rate_limit.call_store import (
    CallStoreTable,
    SharedCallStore,
    call_store_for,
    fingerprint,
    to_rates,
)
from flows.handlers.rate_limit.limiter import RateLimiter
from flows.handlers.rate_limit.windows import (
    DAY_SECONDS,
    MONTH_SECONDS,
    forecast,
    next_call_ms,
    remaining_calls,
)

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2024, 3, 5, 12, tzinfo=UTC)
SECOND, DAY = RateLimit(1, 1.0), RateLimit(25, DAY_SECONDS)


def ms(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)


def ago(**span: float) -> int:
    return ms(NOW - timedelta(**span))


def test_without_calls_the_whole_quota_remains() -> None:
    left = remaining_calls([SECOND, DAY], [], ms(NOW))
    assert [(each.limit, each.calls, each.next_at) for each in left] == [(SECOND, 1, NOW), (DAY, 25, NOW)]


def test_each_window_counts_its_own_calls() -> None:
    stamps = [ago(hours=24, milliseconds=1), *[ago(hours=23)] * 20, ago(seconds=0.4)]
    second, day = remaining_calls([SECOND, DAY], stamps, ms(NOW))
    assert (second.calls, second.next_at) == (0, NOW + timedelta(seconds=0.601))
    assert (day.calls, day.next_at) == (4, NOW)


def test_an_exhausted_window_allows_a_call_once_its_oldest_one_has_left_it() -> None:
    (day,) = remaining_calls([DAY], [ago(hours=23 - each / 60) for each in range(25)], ms(NOW))
    assert (day.calls, day.next_at) == (0, NOW + timedelta(hours=1, milliseconds=1))


def test_the_next_call_satisfies_all_limits() -> None:
    stamps = [ago(hours=23)] * 24 + [ago(seconds=0.5)]
    assert next_call_ms([SECOND, DAY], stamps, ms(NOW)) == ago(hours=-1) + 1


def test_a_forecast_spaces_calls_and_continues_in_the_next_window() -> None:
    found = forecast([SECOND, RateLimit(3, DAY_SECONDS)], [ago(hours=23)], ms(NOW), 4)
    seconds = [(at - NOW).total_seconds() for at in found.call_times]
    assert seconds == [0, 1.001, 3600.001, DAY_SECONDS + 0.001]
    assert [each.calls for each in found.remaining] == [1, 2]


def test_a_month_covers_the_longest_calendar_month_of_any_zone() -> None:
    months = [
        datetime(2024 + month // 12, month % 12 + 1, 1, tzinfo=ZoneInfo(zone))
        for zone in ("UTC", "Europe/London", "America/New_York", "Australia/Sydney")
        for month in range(12)
    ]
    following = [(each + timedelta(days=32)).replace(day=1) for each in months]
    assert max(ms(b) - ms(a) for a, b in zip(months, following, strict=True)) == MONTH_SECONDS * 1000


@pytest.mark.parametrize(
    "limits", [(RateLimit(5, 1.0), RateLimit(5, 60.0)), (RateLimit(1, 1.0), RateLimit(90, 60.0))]
)
def test_limits_that_make_another_pointless_are_refused(limits: tuple[RateLimit, ...]) -> None:
    with pytest.raises(ValueError, match="A longer window must allow more calls at a lower rate"):
        to_rates(limits)


def test_a_key_has_a_file_in_a_folder_or_a_table_in_a_database(tmp_path: Path, canary: str) -> None:
    name = f"yahoo-{fingerprint('yahoo', canary)}"
    assert call_store_for(tmp_path, "yahoo", canary) == tmp_path / f"{name}.sqlite"
    shared = call_store_for(SharedCallStore("postgresql://u:hidden@h/d"), "yahoo", canary)
    assert shared == CallStoreTable("postgresql://u:hidden@h/d", name)
    assert "hidden" not in repr(shared)
    assert "hidden" not in repr(SharedCallStore("postgresql://u:hidden@h/d"))


@dataclass
class Clock:
    """A clock that the test controls."""

    seconds: float

    def now(self) -> float:
        return self.seconds


@pytest.fixture
def days_of_calls(tmp_path: Path) -> Callable[..., Counter[str]]:
    """The number of calls allowed on each calendar day in New York, around the day of 25 hours."""

    def count(limit: RateLimit, seed: int) -> Counter[str]:
        random, days = Random(seed), Counter[str]()
        clock = Clock(datetime(2010, 11, 5, tzinfo=NEW_YORK).timestamp())
        until = datetime(2010, 11, 9, tzinfo=NEW_YORK).timestamp()
        limiter = RateLimiter(tmp_path / f"{seed}.sqlite", [limit], now=clock.now, max_wait_seconds=0.0)
        while clock.seconds < until:
            try:
                limiter.acquire("provider")
                days[f"{datetime.fromtimestamp(clock.seconds, NEW_YORK):%d}"] += 1
            except ProviderError as refused:
                # Bold: the very first instant at which the limiter has said that a call is possible.
                clock.seconds += refused.retry_after_seconds or 0.0
            clock.seconds += random.choice((0.001, 1.0, 600.0))
        limiter.close()
        return days

    return count


def test_a_sliding_day_alone_exceeds_the_quota_of_the_day_of_25_hours(
    days_of_calls: Callable[..., Counter[str]],
) -> None:
    worst = max(max(days_of_calls(RateLimit(5, DAY_SECONDS), seed).values()) for seed in range(20))
    assert worst > 5


def test_with_a_zone_no_calendar_day_exceeds_its_quota(
    days_of_calls: Callable[..., Counter[str]],
) -> None:
    zoned = RateLimit(5, DAY_SECONDS, "America/New_York")
    worst = max(max(days_of_calls(zoned, seed).values()) for seed in range(20))
    assert worst == 5


def test_a_call_refused_by_the_calendar_day_waits_for_midnight(tmp_path: Path) -> None:
    clock = Clock(datetime(2010, 11, 7, 0, 0, 30, tzinfo=NEW_YORK).timestamp())
    limiter = RateLimiter(
        tmp_path / "limiter.sqlite", [RateLimit(1, DAY_SECONDS, "America/New_York")], now=clock.now
    )
    limiter.acquire("provider")
    clock.seconds += DAY_SECONDS + 60  # 23:01:30 of the same day
    with pytest.raises(ProviderError, match="2010-11-08T05:00:00"):
        limiter.acquire("provider")
    clock.seconds = datetime(2010, 11, 8, tzinfo=NEW_YORK).timestamp()
    limiter.acquire("provider")
