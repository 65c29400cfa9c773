"""Values as SQL literals for delta-rs' query engine (DataFusion), which knows no backslash escapes."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import get_args

from config.settings import Symbol
from serving.errors import ServingError

Scalar = str | bool | int | Decimal | date | datetime


def literal(value: Scalar) -> str:
    """The value as a SQL literal, quotes doubled, instants in UTC.

    Raises:
        ServingError: an instant without a time zone.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | Decimal):
        return f"{value:f}" if isinstance(value, Decimal) else str(value)
    if isinstance(value, datetime):
        return f"timestamp '{in_utc(value).isoformat()}'"
    if isinstance(value, date):
        return f"date '{value.isoformat()}'"
    return "'" + value.replace("'", "''") + "'"


def literals(values: Iterable[Scalar]) -> str:
    """The values as the inside of `IN (...)`; NULL, which nothing equals, where there are none."""
    return ", ".join(literal(value) for value in values) or "NULL"


def checked_symbol(symbol: str) -> str:
    """The symbol, when it can be one.

    Raises:
        ServingError: it cannot.
    """
    pattern: str = get_args(Symbol)[1].pattern
    if not re.fullmatch(pattern.strip("^$"), symbol):
        raise ServingError(
            f"{symbol[:40]!r} is no symbol: letters, digits and .-^=: only, at most 24, such as AAPL"
        )
    return symbol


def in_utc(instant: datetime) -> datetime:
    """The instant in UTC.

    Raises:
        ServingError: it has no time zone.
    """
    if instant.tzinfo is None:
        raise ServingError(f"{instant.isoformat()}: name the time zone, such as {instant.isoformat()}Z")
    return instant.astimezone(UTC)
