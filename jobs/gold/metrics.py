"""Figures for signals and the overview: windows over a symbol's sessions, and fundamentals as of then.

Windows count sessions of the calendar, so a session without a bar does not widen a window.
"""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.window import WindowSpec

from config.settings import AVERAGE_SESSIONS, SignalSettings
from jobs.gold.daily_kpis import half_up, ratio
from jobs.gold.provider_ranking import provider_rank
from jobs.market_calendar.intervals import interval_minutes

TRADING_DAYS_PER_YEAR = 252
MIN_RETURNS = 5


def preferred_days(
    days_df: DataFrame, fundamentals_df: DataFrame, provider_order: Sequence[str]
) -> DataFrame:
    """One row per symbol and session, with the earnings known at the end of the session.

    The daily bar is preferred: it is the exchange's official record and includes the auctions; otherwise the
    finest interval. Among providers the first in `provider_order` is preferred, then the first by name. There
    is one row per provider and interval, so the order is total.

    Args:
        days_df: rows of gold.daily_kpis with day_end_at (UTC).
        fundamentals_df: silver.fundamentals with its history; among several providers the first by name.
        provider_order: names of providers.

    Returns:
        All columns of `days_df`, eps (currency per share) and has_simulated_inputs (whether the bars or the
        fundamentals are simulated).
    """
    interval_rank = F.when(F.col("interval") == "1day", 0).otherwise(interval_minutes(F.col("interval")))
    informed_df = _with_fundamentals(days_df, fundamentals_df)
    return _first_of_session(
        informed_df, interval_rank, provider_rank(provider_order), "provider", "f_provider"
    )


def session_metrics(adjusted_df: DataFrame, settings: SignalSettings) -> DataFrame:
    """The days with their figures: the rows of `adjusted_df` with is_original true.

    Args:
        adjusted_df: preferred_days with split_adjustment.split_adjusted_days or unadjusted_days: symbol,
            session_no, close, volume, price_change_pct, is_half_day, eps, adjusted_to and is_original.
        settings: lengths of the windows.

    Returns:
        All columns without adjusted_to and is_original, and 7d_avg (quote currency), volatility_score (% per
        year), volume_spike_pct (%) and pe_ratio. pe_ratio = close / eps, null if eps is not positive.
    """
    return (
        adjusted_df.withColumn("7d_avg", _average_close())
        .withColumn("volatility_score", _volatility(settings.volatility_window_sessions))
        .withColumn("volume_spike_pct", _volume_spike(settings.volume_spike_window_sessions))
        .withColumn("pe_ratio", ratio(F.col("close"), F.when(F.col("eps") > 0, F.col("eps"))))
        .filter("is_original")
        .drop("is_original", "adjusted_to")
    )


def _with_fundamentals(days_df: DataFrame, fundamentals_df: DataFrame) -> DataFrame:
    """Adds eps, has_simulated_inputs and f_provider; one row per provider with fundamentals as of then."""
    facts_df = fundamentals_df.select(
        F.col("symbol").alias("f_symbol"),
        *(F.col(name).alias(f"f_{name}") for name in ("provider", "known_from", "known_to", "eps")),
        F.col("is_simulated").alias("f_is_simulated"),
    )
    was_known = (F.col("f_known_from") <= F.col("day_end_at")) & (
        F.col("f_known_to").isNull() | (F.col("f_known_to") > F.col("day_end_at"))
    )
    joined_df = days_df.join(facts_df, (F.col("symbol") == F.col("f_symbol")) & was_known, "left")
    has_simulated_inputs = F.col("is_simulated") | F.coalesce("f_is_simulated", F.lit(False))
    return joined_df.select(
        *days_df.columns,
        F.col("f_eps").alias("eps"),
        has_simulated_inputs.alias("has_simulated_inputs"),
        "f_provider",
    )


def _first_of_session(days_df: DataFrame, *order: Column | str) -> DataFrame:
    """The first row of each symbol and session in this order, without f_provider.

    The window is over the whole series: the embedded engine takes several times as long for windows of one or
    two rows each.
    """
    series = Window.partitionBy("symbol").orderBy("trade_dt", *order)
    before_df = days_df.withColumn("before_dt", F.lag("trade_dt").over(series))
    is_first = F.col("before_dt").isNull() | (F.col("before_dt") != F.col("trade_dt"))
    return before_df.filter(is_first).drop("before_dt", "f_provider")


def _average_close() -> Column:
    """Mean close of the last 7 sessions, including this one (simple moving average)."""
    window = _sessions(1 - AVERAGE_SESSIONS, 0)
    return ratio(F.sum("close").over(window), F.count("close").over(window))


def _volatility(sessions: int) -> Column:
    """Annualised volatility in %: sample standard deviation (n - 1) of simple daily returns x sqrt(252).

    Over the returns of the last `sessions` sessions, at least 5; a split is not a return, a dividend is.
    Sums of decimals are exact, so the figure does not depend on the order of the rows.
    https://www.investopedia.com/terms/v/volatility.asp
    """
    window = _sessions(1 - sessions, 0)
    daily = F.col("price_change_pct").cast("decimal(16,6)")
    count = F.count(daily).over(window)
    total = F.sum(daily).over(window).cast("double")
    squares = F.sum((daily * daily).cast("decimal(32,12)")).over(window).cast("double")
    variance = (squares - total * total / count) / (count - 1)
    yearly = F.sqrt(F.greatest(variance, F.lit(0.0)) * F.lit(float(TRADING_DAYS_PER_YEAR)))
    return F.when(count >= MIN_RETURNS, half_up(yearly))


def _sessions(start: int, end: int) -> WindowSpec:
    """The symbol's sessions from `start` to `end`, relative to the row's, by the calendar."""
    return Window.partitionBy("symbol", "adjusted_to").orderBy("session_no").rangeBetween(start, end)


def _volume_spike(sessions: int) -> Column:
    """(volume / mean volume of the full sessions among the last `sessions` - 1) x 100; null on half days."""
    window = _sessions(-sessions, -1)
    full_volume = F.when(~F.col("is_half_day"), F.col("volume"))
    mean = F.sum(full_volume).over(window).cast("double") / F.count(full_volume).over(window)
    above = (F.col("volume").cast("double") / F.when(mean > 0, mean) - 1) * 100
    return F.when(~F.col("is_half_day"), half_up(above))
