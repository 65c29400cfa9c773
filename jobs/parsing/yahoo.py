"""Yahoo chart payloads as raw string columns. Nothing is validated; only exponents are written out.

Shape and quirks: jobs.parsing.yahoo_json. Open, high, low and close are adjusted for splits, volume too.
`adjclose` changes with every dividend and is not used: the lakehouse computes adjusted closes itself.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.parsing.python_parser import parse_bodies
from jobs.parsing.raw_schema import RAW_ACTION_COLUMNS, RAW_BAR_COLUMNS, RAW_INSTRUMENT_COLUMNS
from jobs.parsing.yahoo_json import (
    ACTION_COLUMNS,
    BAR_COLUMNS,
    INSTRUMENT_COLUMNS,
    chart_action_rows,
    chart_bar_rows,
    chart_instrument_rows,
)
from jobs.parsing.yahoo_metadata import CALENDARS

__all__ = ["CALENDARS", "DATASETS", "parse_yahoo_actions", "parse_yahoo_bars", "parse_yahoo_instruments"]

DATASETS = ("daily", "intraday")


def parse_yahoo_bars(payloads_df: DataFrame) -> DataFrame:
    """One row per bar with RAW_BAR_COLUMNS; at least one row per payload.

    A row without a time, or with some values missing, is kept for the rules; a row whose five values are all
    null is left out: Yahoo writes it if nothing was traded. `kind` is partial for the price of the moment in
    the last row, and for a bar that was fetched before it ended. `interval` is the payload's dataGranularity.
    `timestamp_text` is the epoch received, except for daily bars of currencies and futures: theirs is the
    date at the payload's exchange, since they begin at midnight in London or New York, which is another day
    in the time zone of their calendar. `calendar` is null for an unknown exchange.
    """
    bars_df = parse_bodies(_charts(payloads_df), chart_bar_rows, BAR_COLUMNS)
    return bars_df.withColumns(
        {"adjustment": F.lit("split"), "kind": _kind(), "zone_text": F.lit(None).cast("string")}
    ).select(*RAW_BAR_COLUMNS)


def parse_yahoo_actions(payloads_df: DataFrame) -> DataFrame:
    """One row per dividend, split or capital gain with RAW_ACTION_COLUMNS; no row for a payload without any.

    Amounts are in the quote's currency (GBp, pence, for London). Yahoo states ex-dates only. A split can be a
    day off, and its denominator can be 0: both are kept as received.
    """
    actions_df = parse_bodies(_charts(payloads_df), chart_action_rows, ACTION_COLUMNS)
    missing = ("declared_text", "record_text", "payment_text")
    return actions_df.withColumns(_nulls(missing)).select(*RAW_ACTION_COLUMNS)


def parse_yahoo_instruments(payloads_df: DataFrame) -> DataFrame:
    """One row per payload with RAW_INSTRUMENT_COLUMNS, from its `meta`; an instrument with quotes is active.

    The validity is null: `firstTradeDate` belongs to the instrument, whatever symbol it had then.
    """
    instruments_df = parse_bodies(_charts(payloads_df), chart_instrument_rows, INSTRUMENT_COLUMNS)
    missing = ("isin", "instrument_text", "series", "valid_from_text", "valid_to_text")
    return instruments_df.withColumns({**_nulls(missing), "status": F.lit("active")}).select(
        *RAW_INSTRUMENT_COLUMNS
    )


def _charts(payloads_df: DataFrame) -> DataFrame:
    return payloads_df.filter(F.col("dataset").isin(*DATASETS))


def _kind() -> Column:
    end_seconds = F.expr("try_cast(end_text AS bigint)")
    is_under_way = F.coalesce(end_seconds > F.col("fetched_at").cast("bigint"), F.lit(False))
    return F.when(is_under_way, "partial").otherwise(F.col("kind"))


def _nulls(names: tuple[str, ...]) -> dict[str, Column]:
    return {name: F.lit(None).cast("string") for name in names}
