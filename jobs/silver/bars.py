"""Silver bars: what validated bars change in the stored history, and the view of current stock bars."""

from pyspark.sql import DataFrame

from delta_tables.tables.silver import BARS
from delta_tables.views.views import IS_CURRENT_STOCK, stock_clean_single_series_sql, stock_clean_sql
from jobs.history.bitemporal import bitemporal_changes, observed_rows

_HISTORY_COLUMNS = ("known_from", "known_to", "run_id")


def observed_bars(validated_df: DataFrame) -> DataFrame:
    """The valid bars as observations: the columns of silver.bars without known_to and run_id.

    `validated_df`: bars from bar_rules.validate_bars or drop_rule_columns.
    """
    return observed_rows(validated_df, BARS)


def drop_rule_columns(validated_df: DataFrame) -> DataFrame:
    """The validated bars without the columns that only the rules need, about half of the bytes to stage.

    Keeps the columns of silver.bars without known_from, known_to and run_id, and dataset, fetched_at,
    reasons and raw_values.
    """
    used = ("dataset", "fetched_at", "reasons", "raw_values")
    return validated_df.select(*(name for name in BARS.columns if name not in _HISTORY_COLUMNS), *used)


def bar_changes(validated_df: DataFrame, stored_df: DataFrame, run_id: str) -> DataFrame:
    """The rows to write into silver.bars: its columns and CHANGE_TYPE, see bitemporal.bitemporal_changes.

    `validated_df`: bars from bar_rules.validate_bars or drop_rule_columns; `stored_df`: rows of silver.bars.
    """
    return bitemporal_changes(observed_bars(validated_df), stored_df, BARS, run_id)


def stock_series(bars_df: DataFrame) -> set[tuple[str, str]]:
    """The (interval, provider) pairs of the current stock bars in `bars_df`; stops after two."""
    current_df = bars_df.filter(IS_CURRENT_STOCK)
    return {tuple(row) for row in current_df.select("interval", "provider").distinct().limit(2).collect()}


def stock_clean(bars_df: DataFrame) -> DataFrame:
    """The rows of the view silver.stock_clean computed from `bars_df` (columns of silver.bars).

    One row per symbol and timestamp, for current stock bars: if bars of several intervals begin at the same
    instant, the bar of the finest interval. volume is a bigint.
    """
    bars_df.createOrReplaceTempView("stock_clean_source")
    return bars_df.sparkSession.sql(stock_clean_sql("stock_clean_source"))


def stock_clean_single_series(bars_df: DataFrame) -> DataFrame:
    """The rows of silver.stock_clean if stock_series finds a single series: no window has to select bars."""
    bars_df.createOrReplaceTempView("stock_clean_source")
    return bars_df.sparkSession.sql(stock_clean_single_series_sql("stock_clean_source"))
