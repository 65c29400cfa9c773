"""SQL conditions shared by views and readers; imports no engine, so that a reader starts fast."""

from datetime import UTC, datetime


def known_at(as_of: datetime | None) -> str:
    """The SQL condition for the rows of a bitemporal table as of an instant; None: the current rows.

    Raises:
        ValueError: `as_of` has no time zone.
    """
    if as_of is None:
        return "known_to IS NULL"
    instant = f"timestamp '{as_utc(as_of).isoformat(sep=' ')}'"
    return f"known_from <= {instant} AND (known_to IS NULL OR known_to > {instant})"


def as_utc(instant: datetime) -> datetime:
    """The instant in UTC.

    Raises:
        ValueError: `instant` has no time zone.
    """
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no time zone. State it, such as +00:00.")
    return instant.astimezone(UTC)


def has_close(bar: str) -> str:
    """The SQL condition for bars (alias `bar`) with a close that a dividend can be compared with."""
    return f"{bar}.session IN ('regular', '24x7') AND {bar}.close > 0"
