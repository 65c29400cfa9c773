"""Bars of two providers on one basis, though one may count the shares of another day than the other.

A raw bar counts the shares of its own day, one that its provider adjusted for splits those of the day on
which it was received (delta_tables/views/adjusted_bars.py). The bar of the earlier day is put on the later
day's basis by the splits with an ex-date in between: prices divided by their ratios, volume multiplied.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from delta_tables.tables.gold_ticks import MEASURE
from delta_tables.views.adjustment_factors import SPLITS, basis_dt_sql, ratio_sql, selected_splits_sql

BASIS, NO_BASIS, RAW, SPLIT = "basis", "none", "raw", "split"
_SERIES_VIEW, _ACTIONS_VIEW = "reconciled_series", "reconciled_actions"
_SERIES = ("for_provider", "symbol")
_FIRST, _LAST = "1800-01-01", "9999-12-31"
_ONE_ACTION_DAYS = 4  # two providers date one split that far apart at most


def with_basis_dt(bars_df: DataFrame) -> DataFrame:
    """Adds basis_dt: the day whose shares the bar counts."""
    return bars_df.withColumn("basis_dt", F.expr(basis_dt_sql()))


def split_steps(compared_df: DataFrame, splits_df: DataFrame) -> DataFrame:
    """For each provider and symbol with splits the spans of days between them, with what was split so far.

    for_provider, symbol, its_from_dt, its_to_dt (not included), log: the sum of the ratios' logarithms, and
    unknown: how many splits so far have no ratio that anybody gives. `splits_df`: rows of
    silver.corporate_actions known now. Of several providers' splits each one's own count for it.
    """
    named_df = splits_df.select("symbol").distinct()
    series_df = compared_df.select(F.col("provider").alias("for_provider"), "symbol").distinct()
    series_df = series_df.join(F.broadcast(named_df), "symbol", "left_semi")
    start_df = series_df.select(
        *_SERIES, F.lit(_FIRST).cast("date").alias("ex_dt"), *_counted(log=F.lit(0), unknown=F.lit(0))
    )
    selected_df = _selected(series_df, splits_df)
    so_far = Window.partitionBy(*_SERIES).orderBy("ex_dt")
    days_df = (
        start_df.unionByName(selected_df)
        .unionByName(_without_ratio(series_df, splits_df, selected_df))
        .groupBy(*_SERIES, "ex_dt")
        .agg(F.sum("log").alias("log"), F.sum("unknown").alias("unknown"))
    )
    return days_df.select(
        *_SERIES,
        F.col("ex_dt").alias("its_from_dt"),
        F.coalesce(F.lead("ex_dt").over(so_far), F.lit(_LAST).cast("date")).alias("its_to_dt"),
        F.sum("log").over(so_far).alias("log"),
        F.sum("unknown").over(so_far).alias("unknown"),
    )


def with_aligned_splits(pairs_df: DataFrame, steps_df: DataFrame, fields: tuple[str, ...]) -> DataFrame:
    """The pairs with both sides' fields on one basis, as MEASURE, and BASIS: raw, split or none.

    `pairs_df` has symbol and for both sides, prefixed a_ and b_: provider, adjustment, basis_dt, the fields;
    `steps_df`: split_steps. The splits are those that count for the provider of the later day. BASIS is none
    where a split in between has no ratio: such bars cannot be compared, and keep their values.
    """
    is_a_later = F.col("a_basis_dt") > F.col("b_basis_dt")
    dated_df = pairs_df.withColumns(
        {
            "from_dt": F.least("a_basis_dt", "b_basis_dt"),
            "to_dt": F.greatest("a_basis_dt", "b_basis_dt"),
            "for_provider": F.when(is_a_later, F.col("a_provider")).otherwise(F.col("b_provider")),
        }
    )
    stepped_df = _with_step(_with_step(dated_df, steps_df, "from"), steps_df, "to")
    between_df = stepped_df.withColumns(
        {
            "log_between": F.coalesce(F.col("to_log") - F.col("from_log"), F.lit(0)),
            "is_unknown": F.coalesce(F.col("to_unknown") > F.col("from_unknown"), F.lit(False)),
        }
    ).withColumn("split_ratio", F.expr(ratio_sql("log_between")))
    both_raw = (F.col("a_adjustment") == RAW) & (F.col("b_adjustment") == RAW)
    basis = F.when(F.col("is_unknown"), NO_BASIS).when(both_raw, RAW).otherwise(SPLIT)
    values = {f"{side}_{name}": _converted(side, name) for side in ("a", "b") for name in fields}
    return between_df.withColumn(BASIS, basis).withColumns(values)


def _selected(series_df: DataFrame, splits_df: DataFrame) -> DataFrame:
    spark = series_df.sparkSession
    series_df.withColumnRenamed("for_provider", "provider").createOrReplaceTempView(_SERIES_VIEW)
    splits_df.createOrReplaceTempView(_ACTIONS_VIEW)
    selected_df = spark.sql(selected_splits_sql(_SERIES_VIEW, _ACTIONS_VIEW))
    return selected_df.select(*_SERIES, "ex_dt", *_counted(log=F.col("log_sum"), unknown=F.lit(0)))


def _without_ratio(series_df: DataFrame, splits_df: DataFrame, selected_df: DataFrame) -> DataFrame:
    """The splits that nobody near their date gives a ratio for, for each series of their symbol."""
    bare_df = splits_df.filter(F.col("ratio").isNull() & F.col("action").isin(*SPLITS)).select(
        "symbol", "ex_dt"
    )
    adjusted_df = selected_df.select(
        *(F.col(name).alias(f"told_{name}") for name in _SERIES), F.col("ex_dt").alias("told_dt")
    )
    is_told = (
        (F.col("for_provider") == F.col("told_for_provider"))
        & (F.col("symbol") == F.col("told_symbol"))
        & (F.abs(F.datediff("ex_dt", "told_dt")) <= _ONE_ACTION_DAYS)
    )
    unknown_df = series_df.join(bare_df.distinct(), "symbol").join(adjusted_df, is_told, "left_anti")
    return unknown_df.select(*_SERIES, "ex_dt", *_counted(log=F.lit(0), unknown=F.lit(1)))


def _counted(**columns: Column) -> list[Column]:
    return [column.cast("bigint").alias(name) for name, column in columns.items()]


def _with_step(dated_df: DataFrame, steps_df: DataFrame, end: str) -> DataFrame:
    """Adds {end}_log and {end}_unknown: what was split up to {end}_dt, that day included."""
    mine_df = steps_df.select(
        *(F.col(name).alias(f"its_{name}") for name in _SERIES),
        *("its_from_dt", "its_to_dt"),
        *(F.col(name).alias(f"{end}_{name}") for name in ("log", "unknown")),
    )
    day = F.col(f"{end}_dt")
    is_its = (
        (F.col("for_provider") == F.col("its_for_provider"))
        & (F.col("symbol") == F.col("its_symbol"))
        & (day >= F.col("its_from_dt"))
        & (day < F.col("its_to_dt"))
    )
    return dated_df.join(F.broadcast(mine_df), is_its, "left").drop(
        "its_for_provider", "its_symbol", "its_from_dt", "its_to_dt"
    )


def _converted(side: str, name: str) -> Column:
    """The side's value on the later day's basis; as it is where nothing was split in between."""
    value = F.col(f"{side}_{name}")
    is_earlier = F.col(f"{side}_basis_dt") == F.col("from_dt")
    # a decimal of eight places becomes the same double on every engine
    double, ratio = value.cast("decimal(22,8)").cast("double"), F.col("split_ratio")
    moved = double * ratio if name == "volume" else double / ratio
    rounded = (
        F.floor(moved * F.lit(1e6) + F.lit(0.5)).cast("decimal(24,0)")
        * F.lit("0.000001").cast("decimal(7,6)")
    ).cast(MEASURE)
    return F.when(is_earlier & (ratio != 1) & ~F.col("is_unknown"), rounded).otherwise(value.cast(MEASURE))
