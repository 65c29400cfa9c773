"""Prices and volumes of sessions, adjusted for the splits between them.

The prices of a session are stated in the shares of its basis_dt. A figure of one session over earlier ones
adjusts them to the shares of that session, so only the splits between them matter, never a later one; without
a split in between, the stored values are used as they are.
"""

import uuid

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from delta_tables.tables.column_types import SIZE
from delta_tables.views.adjustment_factors import (
    changed_price_sql,
    changed_volume_sql,
    ratio_sql,
    selected_splits_sql,
)

# ln of the product of the split ratios up to a day, in 1e-13 (bigint); only differences between days matter.
LOG_SPLIT_FACTOR = "log_split_factor"
SPLIT_SERIES = ("for_provider", "symbol")
_LAST_DAY = "9999-12-31"
_STEP = ("s_provider", "s_symbol", "s_from_dt", "s_to_dt", "s_log")


def basis_dt() -> Column:
    """The date whose share count a row of gold.daily_kpis is stated in; trade_dt if basis_dt is null."""
    return F.coalesce("basis_dt", "trade_dt")


def selected_splits(series_df: DataFrame, actions_df: DataFrame) -> DataFrame:
    """One row per series and day with a split that applies to it.

    Which provider's split applies: delta_tables.views.adjustment_factors.

    Args:
        series_df: provider and symbol, distinct.
        actions_df: silver.corporate_actions.

    Returns:
        for_provider, symbol, ex_dt and log_split_factor (ln of the ratio in 1e-13, bigint).
    """
    suffix = uuid.uuid4().hex[:8]  # a lazy engine looks the views up later, when other series may be compared
    series, actions = f"split_series_{suffix}", f"split_actions_{suffix}"
    series_df.createOrReplaceTempView(series)
    actions_df.createOrReplaceTempView(actions)
    splits_df = series_df.sparkSession.sql(selected_splits_sql(series, actions))
    return splits_df.withColumnRenamed("log_sum", LOG_SPLIT_FACTOR)


def cumulative_steps(splits_df: DataFrame, *sums: str) -> DataFrame:
    """The intervals between splits, one row per series and interval, with cumulative sums.

    Args:
        splits_df: for_provider, symbol, ex_dt (one row per series and day) and the columns to sum.
        sums: names of the columns to sum.

    Returns:
        for_provider, symbol, from_dt, to_dt (excluded; 9999-12-31 for the last interval), and each sum over
        the days up to from_dt (bigint).
    """
    by_day = Window.partitionBy(*SPLIT_SERIES).orderBy("ex_dt")
    so_far = by_day.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    return splits_df.select(
        *SPLIT_SERIES,
        F.col("ex_dt").alias("from_dt"),
        F.coalesce(F.lead("ex_dt").over(by_day), F.lit(_LAST_DAY).cast("date")).alias("to_dt"),
        *(F.sum(name).over(so_far).cast("bigint").alias(name) for name in sums),
    )


def split_steps(series_df: DataFrame, actions_df: DataFrame) -> DataFrame:
    """The intervals between the splits of each series, one row per series and interval.

    Args:
        series_df: provider and symbol, distinct.
        actions_df: silver.corporate_actions.

    Returns:
        for_provider, symbol, from_dt, to_dt (excluded) and log_split_factor, cumulative.
    """
    return cumulative_steps(selected_splits(series_df, actions_df), LOG_SPLIT_FACTOR)


def with_no_splits(days_df: DataFrame) -> DataFrame:
    """The days with log_split_factor 0, if there are no splits."""
    return days_df.withColumn(LOG_SPLIT_FACTOR, F.lit(0).cast("bigint"))


def has_splits(days_df: DataFrame) -> bool:
    """Whether a split applies before any of the days; `days_df`: log_split_factor, staged."""
    return bool(days_df.filter(F.col(LOG_SPLIT_FACTOR) != 0).limit(1).collect())


def with_log_split_factor(days_df: DataFrame, steps_df: DataFrame) -> DataFrame:
    """The days with log_split_factor (bigint), 0 before the first known split.

    Args:
        days_df: provider, symbol, trade_dt and basis_dt.
        steps_df: split_steps of their series.
    """
    names = (*SPLIT_SERIES, "from_dt", "to_dt", LOG_SPLIT_FACTOR)
    step_df = steps_df.select(*(F.col(name).alias(alias) for name, alias in zip(names, _STEP, strict=True)))
    is_same_series = (F.col("provider") == F.col("s_provider")) & (F.col("symbol") == F.col("s_symbol"))
    is_in_step = (basis_dt() >= F.col("s_from_dt")) & (basis_dt() < F.col("s_to_dt"))
    joined_df = days_df.join(F.broadcast(step_df), is_same_series & is_in_step, "left")
    factor = F.coalesce("s_log", F.lit(0).cast("bigint"))
    return joined_df.withColumn(LOG_SPLIT_FACTOR, factor).drop(*_STEP)


def adjusted_price(price: str, log_since: str) -> Column:
    """The price column divided by a split factor, half up at eight decimals.

    `log_since`: the column with ln of the factor in 1e-13; where it is 0 the price is unchanged.
    """
    changed = changed_price_sql(price, f"/ ({ratio_sql(log_since)})")
    return F.expr(f"CASE WHEN {log_since} = 0 THEN {price} ELSE {changed} END")


def adjusted_volume(volume: str, log_since: str) -> Column:
    """The volume column multiplied by a split factor, half up at four decimals.

    `log_since`: the column with ln of the factor in 1e-13; where it is 0 the volume is unchanged.
    """
    changed = f"CAST({changed_volume_sql(volume, f'* ({ratio_sql(log_since)})')} AS {SIZE.simpleString()})"
    return F.expr(f"CASE WHEN {log_since} = 0 THEN {volume} ELSE {changed} END")


def unadjusted_days(days_df: DataFrame) -> DataFrame:
    """The days with adjusted_to 0 and is_original true: split_adjusted_days if there are no splits."""
    return days_df.withColumn("adjusted_to", F.lit(0).cast("bigint")).withColumn("is_original", F.lit(True))


def split_adjusted_days(days_df: DataFrame, window_sessions: int) -> DataFrame:
    """The days, and copies of the days before a split, adjusted to the shares after it.

    A window over (symbol, adjusted_to) contains every earlier session in the shares of the row's session. The
    copies, is_original false, exist only to be in such windows.

    Args:
        days_df: one row per symbol and session: symbol, session_no, close, volume and log_split_factor;
            staged, because it is read several times.
        window_sessions: the longest window.

    Returns:
        All columns of `days_df`, adjusted_to (the log_split_factor that close and volume are adjusted to) and
        is_original (boolean).
    """
    levels_df = days_df.groupBy(
        F.col("symbol").alias("l_symbol"), F.col(LOG_SPLIT_FACTOR).alias("adjusted_to")
    ).agg(F.min("session_no").alias("l_first"), F.max("session_no").alias("l_last"))
    is_needed = (
        (F.col("symbol") == F.col("l_symbol"))
        & (F.col(LOG_SPLIT_FACTOR) != F.col("adjusted_to"))
        & (F.col("session_no") >= F.col("l_first") - window_sessions)
        & (F.col("session_no") <= F.col("l_last"))
    )
    copies_df = (
        days_df.join(levels_df, is_needed)
        .withColumn("log_since", F.col("adjusted_to") - F.col(LOG_SPLIT_FACTOR))
        .withColumn("close", adjusted_price("close", "log_since"))
        .withColumn("volume", adjusted_volume("volume", "log_since"))
        .withColumn("is_original", F.lit(False))
    )
    original_df = days_df.withColumn("adjusted_to", F.col(LOG_SPLIT_FACTOR)).withColumn(
        "is_original", F.lit(True)
    )
    return original_df.unionByName(copies_df.select(*original_df.columns))
