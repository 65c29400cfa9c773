"""Sessions in each other's shares: what the splits between two of them make of prices and volumes.

A session's prices count the shares of its basis_dt. A figure at one session over earlier ones tells them in
the shares of that session, so only splits between them matter: never one that came later, and where there
is none the stored values are used as they are.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from delta_tables.tables.column_types import SIZE
from delta_tables.views.adjustment_factors import (
    changed_price_sql,
    changed_volume_sql,
    ratio_sql,
    selected_splits_sql,
)

LOG_SPLIT_FACTOR = (
    "log_split_factor"  # ln of the product of the splits up to basis_dt, in 1e-13: differences count
)
_SERIES, _ACTIONS = "session_basis_series", "session_basis_actions"
_SPLITS = ("s_provider", "s_symbol", "s_from_dt", "s_to_dt", "s_log")


def basis_dt() -> Column:
    """The day whose shares a row of gold.daily_kpis counts; rows written before there was one: trade_dt."""
    return F.coalesce("basis_dt", "trade_dt")


def split_steps(series_df: DataFrame, actions_df: DataFrame) -> DataFrame:
    """The spans between splits, for with_split_log; their days and the sum of the logarithms up to then.

    `series_df`: provider and symbol of the days; `actions_df`: silver.corporate_actions.
    """
    series_df.createOrReplaceTempView(_SERIES)
    actions_df.createOrReplaceTempView(_ACTIONS)
    selected_df = series_df.sparkSession.sql(selected_splits_sql(_SERIES, _ACTIONS))
    series = "PARTITION BY for_provider, symbol ORDER BY ex_dt"
    so_far = f"sum(log_sum) OVER ({series} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    return selected_df.selectExpr(
        "for_provider AS s_provider",
        "symbol AS s_symbol",
        "ex_dt AS s_from_dt",
        f"coalesce(lead(ex_dt) OVER ({series}), DATE '9999-12-31') AS s_to_dt",
        f"CAST({so_far} AS BIGINT) AS s_log",
    )


def with_no_splits(days_df: DataFrame) -> DataFrame:
    """Adds the SPLIT_LOG of days of which no split is known."""
    return days_df.withColumn(LOG_SPLIT_FACTOR, F.lit(0).cast("bigint"))


def has_splits(days_df: DataFrame) -> bool:
    """Whether any of the days counts the shares after a split; `days_df`: staged, with SPLIT_LOG."""
    return bool(days_df.filter(F.col(LOG_SPLIT_FACTOR) != 0).limit(1).collect())


def with_log_split_factor(days_df: DataFrame, steps_df: DataFrame) -> DataFrame:
    """Adds SPLIT_LOG, a whole number: 0 before the first split that is known."""
    is_mine = (F.col("provider") == F.col("s_provider")) & (F.col("symbol") == F.col("s_symbol"))
    is_then = (basis_dt() >= F.col("s_from_dt")) & (basis_dt() < F.col("s_to_dt"))
    joined_df = days_df.join(F.broadcast(steps_df), is_mine & is_then, "left")
    return joined_df.withColumn(LOG_SPLIT_FACTOR, F.coalesce("s_log", F.lit(0).cast("bigint"))).drop(*_SPLITS)


def adjusted_price(price: str, log_since: str) -> Column:
    """The column's price after the splits that `log_since` stands for, half up at eight decimals."""
    changed = changed_price_sql(price, f"/ ({ratio_sql(log_since)})")
    return F.expr(f"CASE WHEN {log_since} = 0 THEN {price} ELSE {changed} END")


def adjusted_volume(volume: str, log_since: str) -> Column:
    """The column's volume after the splits that `log_since` stands for, half up at four decimals."""
    changed = f"CAST({changed_volume_sql(volume, f'* ({ratio_sql(log_since)})')} AS {SIZE.simpleString()})"
    return F.expr(f"CASE WHEN {log_since} = 0 THEN {volume} ELSE {changed} END")


def unadjusted_days(days_df: DataFrame) -> DataFrame:
    """The same as told_in_each_basis of days that no split lies between: nothing has to be seen anew."""
    return days_df.withColumn("basis", F.lit(0).cast("bigint")).withColumn("is_own", F.lit(True))


def split_adjusted_days(days_df: DataFrame, window_sessions: int) -> DataFrame:
    """The days, and those before a split again as sessions after it see them: adds `basis` and `is_own`.

    A window over (symbol, basis) sees every session in the shares of the row's; the rows that are only
    there to be seen have is_own false. `days_df`: one row a symbol and session, with SPLIT_LOG; it is read
    several times: stage it before.
    """
    levels_df = days_df.groupBy(
        F.col("symbol").alias("l_symbol"), F.col(LOG_SPLIT_FACTOR).alias("basis")
    ).agg(F.min("session_no").alias("l_first"), F.max("session_no").alias("l_last"))
    is_seen = (
        (F.col("symbol") == F.col("l_symbol"))
        & (F.col(LOG_SPLIT_FACTOR) != F.col("basis"))
        & (F.col("session_no") >= F.col("l_first") - window_sessions)
        & (F.col("session_no") <= F.col("l_last"))
    )
    seen_df = (
        days_df.join(levels_df, is_seen)
        .withColumn("log_since", F.col("basis") - F.col(LOG_SPLIT_FACTOR))
        .withColumn("close", adjusted_price("close", "log_since"))
        .withColumn("volume", adjusted_volume("volume", "log_since"))
        .withColumn("is_own", F.lit(False))
    )
    own_df = days_df.withColumn("basis", F.col(LOG_SPLIT_FACTOR)).withColumn("is_own", F.lit(True))
    return own_df.unionByName(seen_df.select(*own_df.columns))
