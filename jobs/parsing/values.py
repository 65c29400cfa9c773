"""Texts of reference data as values: what providers write where they have nothing, dates, numbers."""

from collections.abc import Sequence
from functools import reduce
from operator import or_

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType

_MISSING = ("", "-", "None", "N/A", "null", "0000-00-00")
ISO_DATE = r"^\d{4}-\d{2}-\d{2}$"
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)$"  # no exponents: the engines read 1e5 differently


def null_if_missing(name: str) -> Column:
    """The text of a column, null where it only says that there is none."""
    text = F.trim(F.col(name))
    return F.when(~text.isin(*_MISSING), text)


def to_date(name: str) -> Column:
    """The text `YYYY-MM-DD` as a date, null where it is none."""
    return F.when(null_if_missing(name).rlike(ISO_DATE), F.expr(f"try_cast(trim(`{name}`) AS date)"))


def to_decimal(name: str, kind: DecimalType) -> Column:
    """The text as a number of this kind, null where it is none or too large."""
    number = F.expr(f"try_cast(trim(`{name}`) AS {kind.simpleString()})")
    return F.when(null_if_missing(name).rlike(NUMBER), number)


def has_unparsable(values: Sequence[tuple[str, str]]) -> Column:
    """Whether a text states something of which its value, named beside it, could make nothing."""
    return reduce(or_, (null_if_missing(text).isNotNull() & F.col(value).isNull() for text, value in values))
