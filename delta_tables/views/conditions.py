"""SQL conditions that views and readers share; imports no engine, so that a reader starts fast."""

from datetime import UTC, datetime


def known_at(as_of: datetime | None) -> str:
    """The SQL condition for rows of a bitemporal table known at `as_of`, or current for None.

    Raises:
        ValueError: an instant without a time zone.
    """
    if as_of is None:
        return "known_to IS NULL"
    if as_of.tzinfo is None:
        raise ValueError(f"{as_of.isoformat()}: name the time zone of the instant")
    instant = f"timestamp '{as_of.astimezone(UTC).isoformat(sep=' ')}'"
    return f"known_from <= {instant} AND (known_to IS NULL OR known_to > {instant})"


def has_close(bar: str) -> str:
    """The SQL condition for a row, named `bar`, of silver.bars whose close a payment can be a share of."""
    return f"{bar}.session IN ('regular', '24x7') AND {bar}.close > 0"
