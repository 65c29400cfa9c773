"""Ranges of time: session dates with both ends included, or instants with the end excluded."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from serving.errors import ServingError

When = date | datetime
_EXAMPLE = "date(2025, 1, 2), or an instant such as datetime(2025, 1, 2, 14, 30, tzinfo=UTC)"

# Beyond these, a session some days away from the instant could not be represented as a date.
_EARLIEST, _LATEST = datetime(1, 1, 8, tzinfo=UTC), datetime(9999, 12, 24, tzinfo=UTC)


@dataclass(frozen=True)
class TimeRange:
    """Sessions from `first` to `last`, both included, or instants from `since` up to but not `before`."""

    first: date | None = None
    last: date | None = None
    since: datetime | None = None
    before: datetime | None = None

    def sessions(self, slack: timedelta) -> tuple[date | None, date | None]:
        """The first and the last session that rows of the range can belong to."""
        first = (self.since - slack).date() if self.since else self.first
        last = (self.before + slack).date() if self.before else self.last
        return first, last

    def conditions(self, table: pa.Table) -> list[pa.ChunkedArray]:
        """One boolean column per bound: whether each row of the table is within it."""
        day, instant = table["trade_dt"], table["timestamp"]
        conditions = []
        if self.first:
            conditions.append(pc.greater_equal(day, pa.scalar(self.first, day.type)))
        if self.last:
            conditions.append(pc.less_equal(day, pa.scalar(self.last, day.type)))
        if self.since:
            conditions.append(pc.greater_equal(instant, pa.scalar(self.since, instant.type)))
        if self.before:
            conditions.append(pc.less(instant, pa.scalar(self.before, instant.type)))
        return conditions


def time_range(start: When | None, end: When | None) -> TimeRange:
    """The range from `start` to `end`; None leaves a side open.

    Raises:
        ServingError: a bound is neither a date nor an instant, an instant has no time zone, or the start is
            after the end.
    """
    first, since = _bound(start, "start")
    last, before = _bound(end, "end")
    if start is not None and end is not None and _is_after(first, since, last, before):
        raise ServingError(f"start {start.isoformat()} is after end {end.isoformat()}; swap the two")
    return TimeRange(first, last, since, before)


def instant_in_utc(value: datetime, name: str) -> datetime:
    """The instant in UTC; `name` is the parameter's name for the error.

    Raises:
        ServingError: it is not a datetime, or has no time zone.
    """
    if not isinstance(value, datetime):
        raise ServingError(
            f"{name} must be an instant such as datetime(2025, 1, 2, 22, tzinfo=UTC), not {value!r}"
        )
    if value.utcoffset() is None:
        raise ServingError(f"{name} {value.isoformat()} has no time zone; add one, such as tzinfo=UTC")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise _out_of_range(value, name) from None


def _bound(value: When | None, name: str) -> tuple[date | None, datetime | None]:
    if isinstance(value, datetime):
        instant = instant_in_utc(value, name)
        if not _EARLIEST <= instant <= _LATEST:
            raise _out_of_range(value, name)
        return None, instant
    if value is not None and not isinstance(value, date):
        raise ServingError(f"{name} must be a date such as {_EXAMPLE}, not {value!r}")
    return value, None


def _out_of_range(value: datetime, name: str) -> ServingError:
    return ServingError(
        f"{name} {value.isoformat()} is outside the supported range, {_EARLIEST.date()} to "
        f"{_LATEST.date()}; omit {name} to leave that side open"
    )


def _is_after(first: date | None, since: datetime | None, last: date | None, before: datetime | None) -> bool:
    if first and last:
        return first > last
    if since and before:
        return since > before
    begins = first or (since.date() if since else date.min)
    ends = last or (before.date() if before else date.max)
    return begins - ends > timedelta(days=1)  # a session's date can differ from the UTC date of its instants
