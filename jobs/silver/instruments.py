"""Silver instruments: validation of listings, and what they change in the stored history."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from delta_tables.tables.silver_reference import INSTRUMENTS
from jobs.history.bitemporal import bitemporal_changes, observed_rows
from jobs.parsing.raw_schema import INSTRUMENT_FIELDS, NOTHING
from jobs.parsing.values import has_unparsable, null_if_missing, to_date
from jobs.silver.rules import failed_rules, is_too_long_symbol, quoted_raw_values

UNKNOWN_START = "1900-01-01"
_DATES = (("valid_from_text", "stated_from"), ("valid_to_text", "valid_to"))
_FACTS = ("name", "asset_class", "exchange", "currency", "isin", "series")
_STATUSES = ("active", "delisted")


def validated_instruments(raw_instruments_df: DataFrame) -> DataFrame:
    """The raw listings with typed values and the rules that each one fails.

    A symbol that is used again is another instrument, with its own valid_from. A payload that states that
    there is nothing to list (position NOTHING) gives no row.

    Args:
        raw_instruments_df: jobs.parsing.raw_schema.RAW_INSTRUMENT_COLUMNS.

    Returns:
        The raw columns (null if missing), and
        valid_from (1900-01-01 if unknown), valid_to (dates), status in lower case,
        instrument_id (the provider's id or ISIN, else provider:symbol:valid_from),
        raw_values (the strings as received, JSON), reasons (array of the failed rules' names, sorted).
    """
    frame_df = raw_instruments_df.filter(F.col("position") != NOTHING).withColumn(
        "raw_values", quoted_raw_values(INSTRUMENT_FIELDS[1:])
    )
    for text, name in _DATES:
        frame_df = frame_df.withColumn(name, to_date(text))
    for name in _FACTS:
        frame_df = frame_df.withColumn(name, null_if_missing(name))
    typed_df = (
        frame_df.withColumn("status", F.lower(F.trim("status")))
        .withColumn("valid_from", F.coalesce("stated_from", F.lit(UNKNOWN_START).cast("date")))
        .withColumn("instrument_id", _instrument_id())
    )
    return typed_df.withColumn("reasons", failed_rules(_rules())).drop("stated_from")


def instrument_changes(validated_df: DataFrame, stored_df: DataFrame, run_id: str) -> DataFrame:
    """The rows to write into silver.instruments: its columns and CHANGE_TYPE.

    `validated_df`: validated_instruments; `stored_df`: rows of silver.instruments.
    """
    return bitemporal_changes(observed_rows(validated_df, INSTRUMENTS), stored_df, INSTRUMENTS, run_id)


def _instrument_id() -> Column:
    own_id = F.concat_ws(":", "provider", "symbol", F.col("valid_from").cast("string"))
    return F.coalesce(null_if_missing("instrument_text"), F.col("isin"), own_id)


def _rules() -> dict[str, Column]:
    """Conditions that are true for an invalid listing, by the name of the rule."""
    symbol = F.trim("symbol_text")
    has_nothing = F.coalesce("symbol_text", "status", "valid_from_text").isNull()
    return {
        "ends_before_it_begins": F.col("valid_to") < F.col("stated_from"),
        "no_rows": has_nothing,
        "no_symbol": ~has_nothing & (symbol.isNull() | (symbol == "")),
        "other_symbol": F.upper(symbol) != F.upper("symbol"),
        "unknown_status": ~has_nothing & ~F.coalesce(F.col("status").isin(*_STATUSES), F.lit(False)),
        "unreadable_date": has_unparsable(_DATES),
        "symbol_too_long": is_too_long_symbol(),
    }
