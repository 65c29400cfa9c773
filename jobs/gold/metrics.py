"""The figures behind signals and overview: windows over a symbol's sessions, fundamentals as known then.

Windows count sessions of the calendar, so a session without a bar widens no window.
"""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.window import WindowSpec

from config.settings import AVERAGE_SESSIONS, SignalSettings
from jobs.gold.daily_kpis import half_up, ratio
from jobs.gold.provider_ranking import provider_rank
from jobs.market_calendar.intervals import interval_minutes

TRADING_DAYS_A_YEAR = 252
MIN_RETURNS = 5


def preferred_days(
    days_df: DataFrame, fundamentals_df: DataFrame, provider_order: Sequence[str]
) -> DataFrame:
    """One row a symbol and session, that of the daily bar, else of the finest interval; with fundamentals.

    The daily bar is the exchange's official record and counts the auctions. Of several providers the first
    in `provider_order` holds, then the first by name: days have one row a provider and interval, so the
    order is total. Within a provider what was learned last holds already (jobs.history.bitemporal).

    Adds eps and has_simulated_inputs: the bars or the fundamentals were simulated. `fundamentals_df`:
    silver.fundamentals with its history; each session sees what was known at its end, of several providers
    what the first by name says.
    """
    is_daily_last = F.when(F.col("interval") == "1day", 0).otherwise(interval_minutes(F.col("interval")))
    known_df = _with_fundamentals(days_df, fundamentals_df)
    return _first_of_session(known_df, is_daily_last, provider_rank(provider_order), "provider", "f_provider")


def session_metrics(adjusted_df: DataFrame, settings: SignalSettings) -> DataFrame:
    """Adds 7d_avg, volatility_score, volume_spike_pct and pe_ratio to days with their fundamentals.

    `adjusted_df`: preferred_days with price changes, as session_basis.told_in_each_basis gives them (closes and
    volumes before a split in the shares of the session that looks back), or as_told where nothing was split.
    """
    return (
        adjusted_df.withColumn("7d_avg", _average_close())
        .withColumn("volatility_score", _volatility(settings.volatility_window_sessions))
        .withColumn("volume_spike_pct", _volume_spike(settings.volume_spike_window_sessions))
        .withColumn("pe_ratio", ratio(F.col("close"), F.when(F.col("eps") > 0, F.col("eps"))))
        .filter("is_own")
        .drop("is_own", "basis")
    )


def _with_fundamentals(days_df: DataFrame, fundamentals_df: DataFrame) -> DataFrame:
    """Adds eps, has_simulated_inputs and f_provider; a row for each provider that knew something."""
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
    """The first row of each symbol and session, in this order, without f_provider.

    Over the whole series, since windows of a row or two each cost the embedded engine several times as much.
    """
    series = Window.partitionBy("symbol").orderBy("trade_dt", *order)
    before_df = days_df.withColumn("before_dt", F.lag("trade_dt").over(series))
    is_first = F.col("before_dt").isNull() | (F.col("before_dt") != F.col("trade_dt"))
    return before_df.filter(is_first).drop("before_dt", "f_provider")


def _average_close() -> Column:
    """Mean close of the last 7 sessions, this one among them (simple moving average)."""
    window = _sessions(1 - AVERAGE_SESSIONS, 0)
    return ratio(F.sum("close").over(window), F.count("close").over(window))


def _volatility(sessions: int) -> Column:
    """Annualised volatility in %: sample deviation (n - 1) of simple daily returns x sqrt(252).

    Over the returns of the last `sessions` sessions, at least 5; a split is no return, a dividend is one.
    Sums of decimals are exact, so the figure does not depend on the order of the rows.
    https://www.investopedia.com/terms/v/volatility.asp
    """
    window = _sessions(1 - sessions, 0)
    daily = F.col("price_change_pct").cast("decimal(16,6)")
    count = F.count(daily).over(window)
    total = F.sum(daily).over(window).cast("double")
    squares = F.sum((daily * daily).cast("decimal(32,12)")).over(window).cast("double")
    variance = (squares - total * total / count) / (count - 1)
    yearly = F.sqrt(F.greatest(variance, F.lit(0.0)) * F.lit(float(TRADING_DAYS_A_YEAR)))
    return F.when(count >= MIN_RETURNS, half_up(yearly))


def _sessions(start: int, end: int) -> WindowSpec:
    """The symbol's sessions from `start` to `end` relative to the row's, by the calendar: gaps count."""
    return Window.partitionBy("symbol", "basis").orderBy("session_no").rangeBetween(start, end)


def _volume_spike(sessions: int) -> Column:
    window = _sessions(-sessions, -1)
    full_volume = F.when(~F.col("is_half_day"), F.col("volume"))
    mean = F.sum(full_volume).over(window).cast("double") / F.count(full_volume).over(window)
    above = (F.col("volume").cast("double") / F.when(mean > 0, mean) - 1) * 100
    return F.when(~F.col("is_half_day"), half_up(above))
