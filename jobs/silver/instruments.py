"""Silver instruments: listings judged one by one, and what they change in the stored history."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from delta_tables.tables.silver_reference import INSTRUMENTS
from jobs.history.bitemporal import bitemporal_changes
from jobs.parsing.raw_schema import INSTRUMENT_FIELDS, NOTHING
from jobs.parsing.values import has_unparsable, null_if_missing, to_date
from jobs.silver.bar_rules import broken_rules, quoted_texts

UNKNOWN_START = "1900-01-01"
_DATES = (("valid_from_text", "stated_from"), ("valid_to_text", "valid_to"))
_FACTS = ("name", "asset_class", "exchange", "currency", "isin", "series")
_STATUSES = ("active", "delisted")
_NOT_OBSERVED = ("known_from", "known_to", "run_id")


def validated_instruments(raw_instruments_df: DataFrame) -> DataFrame:
    """Every listing with typed values, `raw_values` and `reasons`, empty where it is usable.

    `raw_instruments_df`: jobs.parsing.raw_schema.RAW_INSTRUMENT_COLUMNS. A symbol that is used again is
    another instrument, with its own valid_from.
    """
    frame_df = raw_instruments_df.filter(F.col("position") != NOTHING).withColumn(
        "raw_values", quoted_texts(INSTRUMENT_FIELDS[1:])
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
    return typed_df.withColumn("reasons", broken_rules(_rules())).drop("stated_from")


def instrument_changes(validated_df: DataFrame, stored_df: DataFrame, run_id: str) -> DataFrame:
    """What the judged listings change in silver.instruments; see bitemporal.history_changes."""
    names = [name for name in INSTRUMENTS.columns if name not in _NOT_OBSERVED]
    usable_df = validated_df.filter(F.size("reasons") == 0)
    observed_df = usable_df.select(*names, F.col("fetched_at").alias("known_from"))
    return bitemporal_changes(observed_df, stored_df, INSTRUMENTS, run_id)


def _instrument_id() -> Column:
    made = F.concat_ws(":", "provider", "symbol", F.col("valid_from").cast("string"))
    return F.coalesce(null_if_missing("instrument_text"), F.col("isin"), made)


def _rules() -> dict[str, Column]:
    symbol = F.trim("symbol_text")
    has_nothing = F.coalesce("symbol_text", "status", "valid_from_text").isNull()
    return {
        "ends_before_it_begins": F.col("valid_to") < F.col("stated_from"),
        "no_rows": has_nothing,
        "no_symbol": ~has_nothing & (symbol.isNull() | (symbol == "")),
        "other_symbol": F.upper(symbol) != F.upper("symbol"),
        "unknown_status": ~has_nothing & ~F.coalesce(F.col("status").isin(*_STATUSES), F.lit(False)),
        "unreadable_date": has_unparsable(_DATES),
    }
