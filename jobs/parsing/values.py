"""Casts of raw string columns: missing values, dates, numbers."""

from collections.abc import Sequence
from functools import reduce
from operator import or_

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType

MISSING_VALUES = ("", "-", "None", "N/A", "null", "0000-00-00")
# Years from 1900 to 2199. The embedded engine cannot hold instants before 1677 or after 2262, and a provider
# that states such a date is wrong.
CENTURIES = r"(19|20|21)"
ISO_DATE = rf"^{CENTURIES}\d{{2}}-\d{{2}}-\d{{2}}$"
# No exponents: the engines cast 1e5 differently. No more digits than any type holds several times.
NUMBER = r"^[+-]?(\d{1,100}\.?\d{0,100}|\.\d{1,100})$"


def null_if_missing(name: str) -> Column:
    """The column's trimmed string; null if it is one of the providers' words for a missing value."""
    text = F.trim(F.col(name))
    return F.when(~text.isin(*MISSING_VALUES), text)


def to_date(name: str) -> Column:
    """The column's string `YYYY-MM-DD` as a date; null if it is missing or no date."""
    return F.when(null_if_missing(name).rlike(ISO_DATE), F.expr(f"try_cast(trim(`{name}`) AS date)"))


def to_decimal(name: str, kind: DecimalType) -> Column:
    """The column's string as a decimal of this type; null if it is missing, no number, or too large."""
    number = F.expr(f"try_cast(trim(`{name}`) AS {kind.simpleString()})")
    return F.when(null_if_missing(name).rlike(NUMBER), number)


def has_unparsable(columns: Sequence[tuple[str, str]]) -> Column:
    """Whether a raw string is present whose value is null; `columns`: (raw column, value column) pairs."""
    return reduce(or_, (null_if_missing(raw).isNotNull() & F.col(value).isNull() for raw, value in columns))
