"""Silver bars: payloads judged bar by bar, and what they change in the stored history."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from delta_tables.tables.silver import BARS
from delta_tables.views.views import IS_CURRENT_STOCK, stock_clean_single_series_sql, stock_clean_sql
from jobs.history.bitemporal import bitemporal_changes

_NOT_OBSERVED = ("known_from", "known_to", "run_id")


def observed_bars(validated_df: DataFrame) -> DataFrame:
    """The usable bars as observations: the columns of silver.bars but known_to and run_id."""
    names = [name for name in BARS.columns if name not in _NOT_OBSERVED]
    usable_df = validated_df.filter(F.size("reasons") == 0)
    return usable_df.select(*names, F.col("fetched_at").alias("known_from"))


def drop_rule_columns(validated_df: DataFrame) -> DataFrame:
    """The judged bars without the columns that only their rules need: half of what would be written."""
    used = ("dataset", "fetched_at", "reasons", "raw_values")
    return validated_df.select(*(name for name in BARS.columns if name not in _NOT_OBSERVED), *used)


def bar_changes(validated_df: DataFrame, stored_df: DataFrame, run_id: str) -> DataFrame:
    """What the judged bars change in silver.bars; see bitemporal.history_changes."""
    return bitemporal_changes(observed_bars(validated_df), stored_df, BARS, run_id)


def stock_series(bars_df: DataFrame) -> set[tuple[str, str]]:
    """The intervals and providers that the current stock bars among these are of, two at most."""
    current_df = bars_df.filter(IS_CURRENT_STOCK)
    return {tuple(row) for row in current_df.select("interval", "provider").distinct().limit(2).collect()}


def stock_clean(bars_df: DataFrame) -> DataFrame:
    """The rows of the view silver.stock_clean among `bars_df`: current stock bars, volume as bigint.

    Bars of several intervals can begin at one instant; the view has one row a symbol and timestamp, that of
    the finest interval (`interval` says which).
    """
    bars_df.createOrReplaceTempView("stock_clean_source")
    return bars_df.sparkSession.sql(stock_clean_sql("stock_clean_source"))


def stock_clean_single_series(bars_df: DataFrame) -> DataFrame:
    """The same where kinds_of_stock_bars finds one kind only, so that none has to be chosen."""
    bars_df.createOrReplaceTempView("stock_clean_source")
    return bars_df.sparkSession.sql(stock_clean_single_series_sql("stock_clean_source"))
