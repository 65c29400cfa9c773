"""Validation results as columns: which rules a row fails, and its values as received."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from pyspark.sql import Column
from pyspark.sql import functions as F

MAX_SYMBOL_CHARS = 64


def is_too_long_symbol(name: str = "symbol") -> Column:
    """Whether a symbol is longer than the gates of all Silver tables accept."""
    return F.coalesce(F.length(name) > MAX_SYMBOL_CHARS, F.lit(False))


def is_outside(name: str, smallest: int | Decimal, greatest: int | Decimal) -> Column:
    """Whether a number is outside of the range that the table's gate accepts; false for null."""
    return F.coalesce(~F.col(name).between(F.lit(smallest), F.lit(greatest)), F.lit(False))


def failed_rules(rules: Mapping[str, Column]) -> Column:
    """The names of the rules that a row fails, sorted (array of strings); empty for a valid row.

    Each rule is a condition that is true for an invalid row; null counts as false. The names are joined and
    split again because Apache Spark does not compile functions that take a lambda, such as filter
    (docs/adr/0009).
    """
    names = F.concat_ws(",", *(F.when(rules[name], F.lit(name)) for name in sorted(rules)))
    no_names = F.array().cast("array<string>")
    return F.when(names == "", no_names).otherwise(F.split(names, ","))


def quoted_raw_values(names: Sequence[str]) -> Column:
    """The columns' strings as received, as a JSON list of strings; a null becomes an empty string."""
    quoted = [
        F.concat(F.lit('"'), F.regexp_replace(F.coalesce(name, F.lit("")), '(["\\\\])', "\\\\$1"), F.lit('"'))
        for name in names
    ]
    return F.concat(F.lit("["), F.concat_ws(",", *quoted), F.lit("]"))
