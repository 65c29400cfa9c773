"""From when to when: session dates, both included, or instants, the end excluded."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from serving.errors import ServingError

When = date | datetime
_EXAMPLE = (
    "give a date such as date(2025, 1, 2), or an instant such as datetime(2025, 1, 2, 14, 30, tzinfo=UTC)"
)

# beyond these the session of an instant, some days from it, could be no date
_EARLIEST, _LATEST = datetime(1, 1, 8, tzinfo=UTC), datetime(9999, 12, 24, tzinfo=UTC)


@dataclass(frozen=True)
class TimeRange:
    """A range: `first` and `last` are sessions, both included; `since` is included, `before` is not."""

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
        """For each bound that is named, which rows of the table keep to it."""
        day, instant = table["trade_dt"], table["timestamp"]
        found = []
        if self.first:
            found.append(pc.greater_equal(day, pa.scalar(self.first, day.type)))
        if self.last:
            found.append(pc.less_equal(day, pa.scalar(self.last, day.type)))
        if self.since:
            found.append(pc.greater_equal(instant, pa.scalar(self.since, instant.type)))
        if self.before:
            found.append(pc.less(instant, pa.scalar(self.before, instant.type)))
        return found


def time_range(start: When | None, end: When | None) -> TimeRange:
    """The range from `start` to `end`; None leaves a side open.

    Raises:
        ServingError: neither a date nor an instant, an instant without a zone, or the start after the end.
    """
    first, since = _bound(start, "start")
    last, before = _bound(end, "end")
    if start is not None and end is not None and _is_after(first, since, last, before):
        raise ServingError(f"start {_text(start)} is after end {_text(end)}: exchange the two")
    return TimeRange(first, last, since, before)


def instant_in_utc(value: datetime, name: str) -> datetime:
    """The instant in UTC.

    Raises:
        ServingError: it is no datetime, or has no time zone.
    """
    if not isinstance(value, datetime):
        raise ServingError(
            f"{name} is an instant, found {value!r}: write datetime(2025, 1, 2, 22, tzinfo=UTC)"
        )
    if value.utcoffset() is None:
        raise ServingError(f"{name} {value.isoformat()}: name the time zone, such as tzinfo=UTC")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise _out_of_time(value, name) from None


def _bound(value: When | None, name: str) -> tuple[date | None, datetime | None]:
    if isinstance(value, datetime):
        instant = instant_in_utc(value, name)
        if not _EARLIEST <= instant <= _LATEST:
            raise _out_of_time(value, name)
        return None, instant
    if value is not None and not isinstance(value, date):
        raise ServingError(f"{name} is {value!r}: {_EXAMPLE}")
    return value, None


def _out_of_time(value: datetime, name: str) -> ServingError:
    return ServingError(
        f"{name} {value.isoformat()} is no instant that data can be of: from {_EARLIEST.date()} to "
        f"{_LATEST.date()} it may be; leave {name} out where there is to be no bound"
    )


def _is_after(first: date | None, since: datetime | None, last: date | None, before: datetime | None) -> bool:
    if first and last:
        return first > last
    if since and before:
        return since > before
    begins = first or (since.date() if since else date.min)
    ends = last or (before.date() if before else date.max)
    return begins - ends > timedelta(days=1)  # a session's date is not the UTC date of its instants


def _text(value: When) -> str:
    return value.isoformat()
