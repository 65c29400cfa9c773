"""Bars of one market from several providers: the preferred bar, and where the others differ from it.

Only comparable bars are compared: candles of one symbol, interval and instant, of one calendar and part of
the session, simulated with simulated ones, in the shares of the same day (split_alignment.py). A null volume
means that the market reports none; it differs from nothing.
"""

from collections.abc import Sequence
from decimal import Decimal

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from config.settings import ReconciliationSettings
from delta_tables.intervals import DAILY, LONG_INTERVALS
from delta_tables.tables.gold_reconciliation import BAR_BREAKS, TOLERANCE
from delta_tables.tables.gold_ticks import MEASURE
from jobs.gold.daily_kpis import half_up
from jobs.gold.provider_ranking import provider_rank
from jobs.market_calendar.intervals import interval_minutes
from jobs.reconciliation.split_alignment import BASIS, NO_BASIS, with_aligned_splits, with_basis_dt

FIELDS = ("open", "high", "low", "close", "volume")
WHOLE_BAR = "bar"
DIFFERS, MISSING, NOT_COMPARED = "differs", "missing", "not_compared"
_SERIES = ("symbol", "interval", "calendar", "session", "is_simulated")
_BAR = (*_SERIES, "trade_dt", "timestamp")
_SIDE = ("provider", "payload_id", "adjustment", "basis_dt", *FIELDS)
# Narrow enough that no engine reduces the scale of a product with a factor or a tolerance.
_EXACT = "decimal(26,12)"
_MAX_RELATIVE_DIFFERENCE = 1e11  # the largest value that fits the column


def compared_bars(bars_df: DataFrame, provider_order: Sequence[str]) -> DataFrame:
    """The candles, one per provider, with their rank among the providers.

    Args:
        bars_df: current rows of silver.bars, symbols in one spelling (gold.provider_ranking.spelled_as).
        provider_order: names of providers, the preferred one first; the others follow by name.

    Returns:
        The columns of silver.bars, basis_dt (date whose share count the bar is stated in) and provider_rank:
        1 for the preferred bar.
    """
    first = Window.partitionBy(*_BAR).orderBy(provider_rank(provider_order), "provider")
    candles_df = _one_per_provider(bars_df.filter("kind = 'candle'"))
    return with_basis_dt(candles_df).withColumn("provider_rank", F.row_number().over(first))


def bar_breaks(
    compared_df: DataFrame, steps_df: DataFrame, settings: ReconciliationSettings, run_id: str
) -> DataFrame:
    """One row per break: each field outside its tolerance, each bar that is missing or not comparable.

    The preferred bar is compared with every other bar.

    Args:
        compared_df: compared_bars, including the daily bars of `longest_gap_days` around the sessions to
            compare; staged, because it is read several times.
        steps_df: split_alignment.alignment_steps of `compared_df`; staged likewise.
        settings: tolerances and the longest gap.
        run_id: written into the rows.

    Returns:
        The columns of gold.bar_breaks.
    """
    preferred_df = compared_df.filter("provider_rank = 1").select(*_BAR, *_side("a"))
    others_df = compared_df.filter("provider_rank > 1").select(*_BAR, *_side("b"))
    pairs_df = with_aligned_splits(preferred_df.join(others_df, list(_BAR)), steps_df, FIELDS)
    missing_df = _missing(preferred_df, compared_df, settings.longest_gap_days)
    rows_df = _different(pairs_df, settings).unionByName(missing_df)
    return BAR_BREAKS.conform(
        rows_df.withColumn("run_id", F.lit(run_id)).withColumn("partition_dt", F.trunc("trade_dt", "year"))
    )


def _one_per_provider(bars_df: DataFrame) -> DataFrame:
    """One bar per provider, even with two spellings: the latest known_from, then the greater payload_id."""
    same = Window.partitionBy("symbol", "interval", "timestamp", "provider")
    ranked = same.orderBy(F.desc("known_from"), F.desc("payload_id"), F.desc("position"))
    return bars_df.withColumn("rank", F.row_number().over(ranked)).filter("rank = 1").drop("rank")


def _side(side: str) -> list[Column]:
    return [F.col(name).alias(f"{side}_{name}") for name in _SIDE]


def _different(pairs_df: DataFrame, settings: ReconciliationSettings) -> DataFrame:
    """The fields that differ, and one row per pair of bars that cannot be compared."""
    is_incomparable = F.col(BASIS) == NO_BASIS
    fields = F.when(is_incomparable, F.array(F.lit(WHOLE_BAR))).otherwise(
        F.array(*(F.lit(name) for name in FIELDS))
    )
    valued_df = pairs_df.withColumn("field", F.explode(fields)).withColumns(
        {f"value_{side}": _of_field(side) for side in ("a", "b")}
    )
    has_both = F.col("value_a").isNotNull() & F.col("value_b").isNotNull()
    measured_df = _measured(valued_df.filter(is_incomparable | has_both), settings)
    is_outside = ~F.coalesce(F.col("is_within"), F.lit(False))
    status = F.when(is_incomparable, NOT_COMPARED).otherwise(DIFFERS)
    return measured_df.filter(is_outside).withColumn("status", status).select(*_break_columns())


def _measured(valued_df: DataFrame, settings: ReconciliationSettings) -> DataFrame:
    """Adds difference, relative_difference, unit, tolerance and is_within; all null for whole bars."""
    is_volume, is_price = F.col("field") == "volume", ~F.col("field").isin(WHOLE_BAR, "volume")
    by_unit = {
        "unit": ("%", "bp"),
        "tolerance": (settings.volume_tolerance_pct, settings.price_tolerance_bp),
        "units_per_whole": (Decimal(100), Decimal(10_000)),
    }
    measured_df = valued_df.withColumns(
        {
            name: F.when(is_volume, F.lit(volume)).when(is_price, F.lit(price))
            for name, (volume, price) in by_unit.items()
        }
    ).withColumns(
        {
            "tolerance": F.col("tolerance").cast(TOLERANCE),
            # Apache Spark would drop the last decimal of a difference of two MEASUREs
            "difference": F.col("value_b").cast(_EXACT) - F.col("value_a").cast(_EXACT),
            "whole": F.when(F.col("value_a") == 0, F.col("value_b")).otherwise(F.col("value_a")).cast(_EXACT),
        }
    )
    parts = F.abs(F.col("difference")).cast(_EXACT) * F.col("units_per_whole").cast("decimal(5,0)")
    relative = parts.cast("double") / F.when(F.col("whole") != 0, F.col("whole")).cast("double")
    return measured_df.withColumn("is_within", parts <= F.col("whole") * F.col("tolerance")).withColumn(
        "relative_difference",
        half_up(
            F.when(relative > _MAX_RELATIVE_DIFFERENCE, F.lit(_MAX_RELATIVE_DIFFERENCE)).otherwise(relative)
        ),
    )


def _break_columns() -> list[Column]:
    """The columns of gold.bar_breaks without run_id and partition_dt."""
    renamed = {
        f"{name}_{side}": f"{side}_{name}" for name in ("provider", "payload_id") for side in ("a", "b")
    }
    names = [name for name in BAR_BREAKS.columns if name not in {"run_id", "partition_dt"}]
    return [F.col(renamed.get(name, name)).alias(name) for name in names]


def _of_field(side: str) -> Column:
    """The side's value of the row's field. Structs would carry comments, which Sail cannot cast."""
    value = F.lit(None).cast(MEASURE)
    for name in FIELDS:
        value = F.when(F.col("field") == name, F.col(f"{side}_{name}").cast(MEASURE)).otherwise(value)
    return value


def _missing(preferred_df: DataFrame, bars_df: DataFrame, longest_gap_days: int) -> DataFrame:
    """The preferred bars that another provider lacks in a session that it covers, with that provider."""
    expected_df = _covered_sessions(bars_df).unionByName(_covered_days(bars_df, longest_gap_days))
    candidates_df = preferred_df.join(expected_df, [*_SERIES, "trade_dt"]).filter("a_provider <> b_provider")
    ended = F.unix_timestamp("timestamp") + interval_minutes(F.col("interval")) * 60
    was_over = F.col("covered_at").isNull() | (F.unix_timestamp("covered_at") >= ended)
    present_df = bars_df.select(*_BAR, F.col("provider").alias("b_provider"))
    missing_df = candidates_df.filter(was_over).join(present_df, [*_BAR, "b_provider"], "left_anti")
    values = {"field": WHOLE_BAR, "status": MISSING, "unit": None, "b_payload_id": None}
    numbers = ("value_a", "value_b", "difference", "relative_difference", "tolerance")
    return missing_df.withColumns(
        {
            BASIS: F.col("a_adjustment"),
            **{name: F.lit(value).cast("string") for name, value in values.items()},
            **{name: F.lit(None).cast(BAR_BREAKS.schema[name].dataType) for name in numbers},
        }
    ).select(*_break_columns())


def _covered_sessions(bars_df: DataFrame) -> DataFrame:
    """Sessions of which a provider has intraday bars, with its latest known_from as covered_at.

    A bar that had not ended at covered_at cannot be missing yet.
    """
    return (
        bars_df.filter(~F.col("interval").isin(*LONG_INTERVALS))
        .groupBy(*_SERIES, "trade_dt", F.col("provider").alias("b_provider"))
        .agg(F.max("known_from").alias("covered_at"))
    )


def _covered_days(bars_df: DataFrame, longest_gap_days: int) -> DataFrame:
    """The dates between consecutive daily bars of a provider that are not too far apart."""
    daily_df = bars_df.filter(F.col("interval") == DAILY)
    series = Window.partitionBy(*_SERIES, "provider").orderBy("trade_dt")
    gaps_df = daily_df.withColumn("next_dt", F.lead("trade_dt").over(series)).filter(
        F.datediff("next_dt", "trade_dt").between(2, longest_gap_days)
    )
    between = F.sequence(F.date_add("trade_dt", 1), F.date_sub("next_dt", 1))
    return gaps_df.select(
        *_SERIES,
        F.explode(between).alias("trade_dt"),
        F.col("provider").alias("b_provider"),
        F.lit(None).cast("timestamp").alias("covered_at"),
    )
