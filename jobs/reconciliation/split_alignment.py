"""Bars of two providers in the same shares, although each may be stated in the shares of another day.

A raw bar is stated in the shares of its own day; a bar that its provider adjusted for splits in the shares of
the day on which it was received (delta_tables/views/adjusted_bars.py). The bar of the earlier day is adjusted
to the later day by the splits with an ex-date in between: prices are divided by their ratios, the volume is
multiplied.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from delta_tables.tables.gold_ticks import MEASURE
from delta_tables.views.adjustment_factors import NEAR_DAYS, SPLITS, basis_dt_sql, ratio_sql
from jobs.gold.split_adjustment import LOG_SPLIT_FACTOR, SPLIT_SERIES, cumulative_steps, selected_splits

BASIS, NO_BASIS, RAW, SPLIT = "basis", "none", "raw", "split"
_UNKNOWN = "unknown_splits"
_SUMS = (LOG_SPLIT_FACTOR, _UNKNOWN)
_FIRST_DAY = "1800-01-01"


def with_basis_dt(bars_df: DataFrame) -> DataFrame:
    """The bars with basis_dt, the date whose share count the bar is stated in.

    `bars_df`: trade_dt, adjustment and known_from of silver.bars.
    """
    return bars_df.withColumn("basis_dt", F.expr(basis_dt_sql()))


def alignment_steps(compared_df: DataFrame, actions_df: DataFrame) -> DataFrame:
    """The intervals between splits, one row per series and interval, for series of symbols with splits.

    Args:
        compared_df: provider and symbol of the bars.
        actions_df: current rows of silver.corporate_actions.

    Returns:
        for_provider, symbol, from_dt, to_dt (excluded), log_split_factor and unknown_splits: cumulative ln of
        the ratios (1e-13), and the cumulative number of splits for which no provider states a ratio.
    """
    symbols_df = actions_df.select("symbol").distinct()
    series_df = compared_df.select("provider", "symbol").distinct()
    series_df = series_df.join(F.broadcast(symbols_df), "symbol", "left_semi").select("provider", "symbol")
    splits_df = selected_splits(series_df, actions_df).select(
        *SPLIT_SERIES, "ex_dt", *_bigints(F.col(LOG_SPLIT_FACTOR), F.lit(0))
    )
    keyed_df = series_df.withColumnRenamed("provider", "for_provider")
    start_df = keyed_df.select(
        *SPLIT_SERIES, F.lit(_FIRST_DAY).cast("date").alias("ex_dt"), *_bigints(F.lit(0), F.lit(0))
    )
    days_df = (
        start_df.unionByName(splits_df)
        .unionByName(_splits_without_ratio(keyed_df, actions_df, splits_df))
        .groupBy(*SPLIT_SERIES, "ex_dt")
        .agg(*(F.sum(name).alias(name) for name in _SUMS))
    )
    return cumulative_steps(days_df, *_SUMS)


def with_aligned_splits(pairs_df: DataFrame, steps_df: DataFrame, fields: tuple[str, ...]) -> DataFrame:
    """The pairs of bars with the fields of both sides in the shares of the later day.

    The splits are those that apply to the provider of the later day.

    Args:
        pairs_df: symbol, and for both sides, with the prefixes a_ and b_: provider, adjustment, basis_dt and
            the fields.
        steps_df: alignment_steps.
        fields: names of prices, and volume.

    Returns:
        All columns, the fields as MEASURE, split_ratio, and basis: raw, split, or none if a split in between
        has no known ratio; such bars cannot be compared and keep their values.
    """
    is_a_later = F.col("a_basis_dt") > F.col("b_basis_dt")
    dated_df = pairs_df.withColumns(
        {
            "from_dt": F.least("a_basis_dt", "b_basis_dt"),
            "to_dt": F.greatest("a_basis_dt", "b_basis_dt"),
            "for_provider": F.when(is_a_later, F.col("a_provider")).otherwise(F.col("b_provider")),
        }
    )
    stepped_df = _with_sums_at(_with_sums_at(dated_df, steps_df, "from"), steps_df, "to")
    between_df = stepped_df.withColumns(
        {
            "log_between": F.coalesce(
                F.col(f"to_{LOG_SPLIT_FACTOR}") - F.col(f"from_{LOG_SPLIT_FACTOR}"), F.lit(0)
            ),
            "is_unknown": F.coalesce(F.col(f"to_{_UNKNOWN}") > F.col(f"from_{_UNKNOWN}"), F.lit(False)),
        }
    ).withColumn("split_ratio", F.expr(ratio_sql("log_between")))
    both_raw = (F.col("a_adjustment") == RAW) & (F.col("b_adjustment") == RAW)
    basis = F.when(F.col("is_unknown"), NO_BASIS).when(both_raw, RAW).otherwise(SPLIT)
    values = {f"{side}_{name}": _aligned(side, name) for side in ("a", "b") for name in fields}
    return between_df.withColumn(BASIS, basis).withColumns(values)


def _splits_without_ratio(series_df: DataFrame, actions_df: DataFrame, splits_df: DataFrame) -> DataFrame:
    """The splits for which no provider states a ratio near their date, for each series of their symbol."""
    without_ratio_df = actions_df.filter(F.col("ratio").isNull() & F.col("action").isin(*SPLITS))
    known_df = splits_df.select(
        *(F.col(name).alias(f"known_{name}") for name in SPLIT_SERIES), F.col("ex_dt").alias("known_dt")
    )
    is_known = (
        (F.col("for_provider") == F.col("known_for_provider"))
        & (F.col("symbol") == F.col("known_symbol"))
        & (F.abs(F.datediff("ex_dt", "known_dt")) <= NEAR_DAYS)
    )
    dates_df = without_ratio_df.select("symbol", "ex_dt").distinct()
    unknown_df = series_df.join(dates_df, "symbol").join(known_df, is_known, "left_anti")
    return unknown_df.select(*SPLIT_SERIES, "ex_dt", *_bigints(F.lit(0), F.lit(1)))


def _bigints(*columns: Column) -> list[Column]:
    return [column.cast("bigint").alias(name) for name, column in zip(_SUMS, columns, strict=True)]


def _with_sums_at(dated_df: DataFrame, steps_df: DataFrame, end: str) -> DataFrame:
    """Adds {end}_log_split_factor and {end}_unknown_splits: the sums up to {end}_dt, that day included."""
    keys = (*SPLIT_SERIES, "from_dt", "to_dt")
    step_df = steps_df.select(
        *(F.col(name).alias(f"step_{name}") for name in keys),
        *(F.col(name).alias(f"{end}_{name}") for name in _SUMS),
    )
    day = F.col(f"{end}_dt")
    is_in_step = (
        (F.col("for_provider") == F.col("step_for_provider"))
        & (F.col("symbol") == F.col("step_symbol"))
        & (day >= F.col("step_from_dt"))
        & (day < F.col("step_to_dt"))
    )
    return dated_df.join(F.broadcast(step_df), is_in_step, "left").drop(*(f"step_{name}" for name in keys))


def _aligned(side: str, name: str) -> Column:
    """The side's value in the shares of the later day; unchanged if there was no split in between."""
    value = F.col(f"{side}_{name}")
    is_earlier = F.col(f"{side}_basis_dt") == F.col("from_dt")
    # a decimal of eight places becomes the same double on every engine
    double, ratio = value.cast("decimal(22,8)").cast("double"), F.col("split_ratio")
    adjusted = double * ratio if name == "volume" else double / ratio
    rounded = (
        F.floor(adjusted * F.lit(1e6) + F.lit(0.5)).cast("decimal(24,0)")
        * F.lit("0.000001").cast("decimal(7,6)")
    ).cast(MEASURE)
    return F.when(is_earlier & (ratio != 1) & ~F.col("is_unknown"), rounded).otherwise(value.cast(MEASURE))
