"""Call windows: how many calls a limit still allows, and when the next call may be made.

Vendors do not document at which instant a daily or monthly quota renews, so all windows slide: at most 25
calls in any 24 hours are at most 25 in every calendar day of 24 hours, in any time zone, and also under a
sliding rule. A sliding day does not cover the calendar day of 25 hours: see `RateLimit.zone`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from flows.handlers.models import RateLimit

DAY_SECONDS: Final = 24 * 60 * 60.0

# The longest calendar month: one of 31 days in which clocks go back.
MONTH_SECONDS: Final = 31 * DAY_SECONDS + 60 * 60.0


@dataclass(frozen=True)
class RemainingCalls:
    """What one limit allows at an instant: `calls` at once; the next call is possible at `next_at` (UTC)."""

    limit: RateLimit
    calls: int
    next_at: datetime


@dataclass(frozen=True)
class Forecast:
    """What each limit allows at `now`, and when the next calls could be made if nobody else called.

    All instants are in UTC.
    """

    now: datetime
    remaining: tuple[RemainingCalls, ...]
    call_times: tuple[datetime, ...]


def window_ms(limit: RateLimit) -> int:
    """The length of the window in milliseconds."""
    return round(limit.per_seconds * 1000)


def remaining_calls(
    limits: Sequence[RateLimit], call_times_ms: Sequence[int], now_ms: int
) -> tuple[RemainingCalls, ...]:
    """What each limit allows at `now_ms` after the calls at `call_times_ms` (epoch ms, ascending)."""
    return tuple(
        RemainingCalls(
            limit,
            max(0, limit.calls - _used(limit, call_times_ms, now_ms)),
            _instant(max(now_ms, _free_at_ms(limit, call_times_ms, now_ms))),
        )
        for limit in limits
    )


def next_call_ms(limits: Sequence[RateLimit], call_times_ms: Sequence[int], now_ms: int) -> int:
    """The first instant from `now_ms` on at which all limits allow a call."""
    at_ms = now_ms
    while (
        free_ms := max((_free_at_ms(limit, call_times_ms, at_ms) for limit in limits), default=at_ms)
    ) > at_ms:
        at_ms = free_ms
    return at_ms


def forecast(limits: Sequence[RateLimit], call_times_ms: Sequence[int], now_ms: int, count: int) -> Forecast:
    """What remains at `now_ms` after the calls at `call_times_ms`, and when `count` more could be made."""
    planned_ms, at_ms = list(call_times_ms), now_ms
    for _ in range(count):
        at_ms = next_call_ms(limits, planned_ms, at_ms)
        planned_ms.append(at_ms)
    times = tuple(_instant(time_ms) for time_ms in planned_ms[len(call_times_ms) :])
    return Forecast(_instant(now_ms), remaining_calls(limits, call_times_ms, now_ms), times)


def _used(limit: RateLimit, call_times_ms: Sequence[int], now_ms: int) -> int:
    """The number of calls that count at `now_ms`, including one made exactly a window ago."""
    in_window = sum(time_ms >= now_ms - window_ms(limit) for time_ms in call_times_ms)
    midnight_ms = _midnight_ms(limit, now_ms, days_ahead=0)
    if midnight_ms is None:
        return in_window
    return max(in_window, sum(time_ms >= midnight_ms for time_ms in call_times_ms))


def _free_at_ms(limit: RateLimit, call_times_ms: Sequence[int], at_ms: int) -> int:
    """When the limit next allows a call, as known at `at_ms`; at or before `at_ms` if it does already."""
    if len(call_times_ms) < limit.calls:
        return at_ms
    blocking_ms = call_times_ms[-limit.calls]
    free_ms = blocking_ms + window_ms(limit) + 1
    midnight_ms = _midnight_ms(limit, at_ms, days_ahead=0)
    if midnight_ms is not None and blocking_ms >= midnight_ms:
        free_ms = max(free_ms, _midnight_ms(limit, at_ms, days_ahead=1) or 0)
    return free_ms


def _midnight_ms(limit: RateLimit, at_ms: int, days_ahead: int) -> int | None:
    """The midnight that began the calendar day at `at_ms`, or a later one; None without a zone."""
    if limit.zone is None:
        return None
    zone = ZoneInfo(limit.zone)
    day = _instant(at_ms).astimezone(zone).date() + timedelta(days=days_ahead)
    return round(datetime.combine(day, time(), zone).timestamp() * 1000)


def _instant(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)
