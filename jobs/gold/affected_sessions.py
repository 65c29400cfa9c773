"""The sessions that a Gold run has to compute again, found from the Silver rows that changed."""

from collections.abc import Sequence
from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from delta_tables.views.adjustment_factors import NEAR_DAYS
from jobs.gold.daily_kpis import DAY_KEYS
from jobs.gold.split_adjustment import basis_dt


def rows_of_runs(silver_df: DataFrame, run_ids: Sequence[str] | None) -> DataFrame:
    """The rows that the given runs wrote or closed; all rows if `run_ids` is None."""
    return silver_df if run_ids is None else silver_df.filter(F.col("run_id").isin(*run_ids))


def changed_days(changed_bars_df: DataFrame) -> DataFrame:
    """One row per session whose bars changed: symbol, trade_dt, interval, provider and calendar."""
    return changed_bars_df.select(*DAY_KEYS, "calendar").distinct()


def mark_changed_fundamentals(days_df: DataFrame, changed_fundamentals_df: DataFrame) -> DataFrame:
    """The days with is_changed also true if the session ended after a fact about its symbol changed.

    Args:
        days_df: symbol, day_end_at (UTC) and is_changed.
        changed_fundamentals_df: symbol and known_from of the changed rows.
    """
    since_df = changed_fundamentals_df.groupBy(F.col("symbol").alias("f_symbol")).agg(
        F.min("known_from").alias("f_since")
    )
    joined_df = days_df.join(F.broadcast(since_df), F.col("symbol") == F.col("f_symbol"), "left")
    is_later = F.coalesce(F.col("day_end_at") >= F.col("f_since"), F.lit(False))
    return joined_df.withColumn("is_changed", F.col("is_changed") | is_later).drop("f_symbol", "f_since")


def split_span(changed_splits_df: DataFrame, kpis_df: DataFrame) -> tuple[date, date] | None:
    """The first and the last date of the sessions that changed splits affect; None without any split.

    A split affects the days around it, on which another provider may date it (see
    delta_tables.views.adjustment_factors), and earlier sessions whose prices are stated in shares after it.

    Args:
        changed_splits_df: symbol and ex_dt.
        kpis_df: symbol, trade_dt and basis_dt of gold.daily_kpis.
    """
    days_df = kpis_df.select("symbol", "trade_dt", basis_dt().alias("basis_dt"))
    since, until = _around_split()
    stated_later = F.col("basis_dt") > F.col("trade_dt")
    joined_df = changed_splits_df.join(days_df.filter(stated_later), "symbol", "left")
    is_across = (F.col("trade_dt") < until) & (F.col("basis_dt") >= since)
    earliest = F.least(since, F.when(is_across, F.col("trade_dt")))
    first, last = joined_df.select(F.min(earliest), F.max(until)).collect()[0]
    return None if first is None else (first, last)


def mark_changed_splits(days_df: DataFrame, changed_splits_df: DataFrame, lookback: int) -> DataFrame:
    """The days with is_changed also true if a changed split lies between the session and an earlier one.

    Args:
        days_df: symbol, trade_dt, interval, provider, session_no, basis_dt and is_changed.
        changed_splits_df: symbol and ex_dt.
        lookback: the number of earlier sessions of the symbol, of any provider, to consider.
    """
    splits_df = changed_splits_df.select(F.col("symbol").alias("s_symbol"), "ex_dt").distinct()
    pairs_df = days_df.select(*DAY_KEYS, "session_no", basis_dt().alias("day_basis_dt")).join(
        F.broadcast(splits_df), F.col("symbol") == F.col("s_symbol")
    )
    near = Window.partitionBy("symbol", "ex_dt").orderBy("session_no").rangeBetween(-lookback, 0)
    since, until = _around_split()
    is_across = (F.min("day_basis_dt").over(near) < until) & (F.max("day_basis_dt").over(near) >= since)
    across_df = pairs_df.withColumn("is_across", is_across).filter("is_across").select(*DAY_KEYS).distinct()
    marked_df = days_df.join(across_df.withColumn("is_across", F.lit(True)), list(DAY_KEYS), "left")
    is_changed = F.col("is_changed") | F.coalesce("is_across", F.lit(False))
    return marked_df.withColumn("is_changed", is_changed).drop("is_across")


def _around_split() -> tuple[Column, Column]:
    return F.date_sub("ex_dt", NEAR_DAYS), F.date_add("ex_dt", NEAR_DAYS)


def mark_affected(days_df: DataFrame, window_sessions: int) -> DataFrame:
    """The days with is_affected: whether the session, or one in the window before it, has changed.

    `days_df`: symbol, session_no and is_changed.
    """
    reach = Window.partitionBy("symbol").orderBy("session_no").rangeBetween(-window_sessions, 0)
    # a sum slides along its window, whereas a maximum is computed again for each row
    return days_df.withColumn("is_affected", F.sum(F.col("is_changed").cast("int")).over(reach) > 0)
