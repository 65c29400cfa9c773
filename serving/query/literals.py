"""Values as SQL literals for delta-rs' query engine (DataFusion), which has no backslash escapes."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import get_args

from config.settings import Symbol
from serving.errors import ServingError

Scalar = str | bool | int | Decimal | date | datetime


def literal(value: Scalar) -> str:
    """The value as a SQL literal: quotes are doubled, instants are in UTC.

    Raises:
        ServingError: an instant has no time zone.
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
    """The values for `IN (...)`, comma-separated; NULL, which equals nothing, if there are none."""
    return ", ".join(literal(value) for value in values) or "NULL"


def checked_symbol(symbol: str) -> str:
    """The symbol, if its form is valid.

    Raises:
        ServingError: its form is not valid.
    """
    pattern: str = get_args(Symbol)[1].pattern
    if not re.fullmatch(pattern.strip("^$"), symbol):
        raise ServingError(
            f"{symbol[:40]!r} is not a symbol: a symbol such as AAPL has at most 24 letters, digits or "
            "characters of .-^=:"
        )
    return symbol


def in_utc(instant: datetime) -> datetime:
    """The instant in UTC.

    Raises:
        ServingError: it has no time zone.
    """
    if instant.tzinfo is None:
        text = instant.isoformat()
        raise ServingError(f"{text} has no time zone; add one, such as {text}Z")
    return instant.astimezone(UTC)
