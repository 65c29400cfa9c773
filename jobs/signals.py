"""Gold signals: each one a pure function from a symbol's sessions to verdicts."""

from collections.abc import Callable
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from config.settings import SignalSettings
from delta_tables.column_kinds import PRICE

VOLUME_SPIKE = "Volume Spike % Alert"
PE_RATIO = "P/E Ratio Alert"

Signal = Callable[[DataFrame, SignalSettings], DataFrame]
# What each measures, a column of jobs.metrics.session_metrics, and from which value on it is triggered.
_MEASURED: dict[str, tuple[str, Callable[[SignalSettings], float]]] = {
    PE_RATIO: ("pe_ratio", lambda settings: settings.pe_ratio_threshold),
    VOLUME_SPIKE: ("volume_spike_pct", lambda settings: settings.volume_spike_threshold_pct),
}


def volume_spike_alert(metrics_df: DataFrame, settings: SignalSettings) -> DataFrame:
    """Triggered where a session's volume exceeds its recent average by the threshold.

    value = (volume / mean volume of the full sessions among the N before - 1) x 100, in %; N =
    volume_spike_window_sessions, counted by the calendar. Half days are neither compared nor averaged.
    It is relative volume (https://www.investopedia.com/terms/r/relativevolume.asp) less one.
    """
    reason = (
        F.when(F.col("is_half_day"), "half day: volume is not compared")
        .when(F.col("volume").isNull(), "the market reports no volume")
        .when(F.col("volume_spike_pct").isNull(), "no full session before to compare with")
        .otherwise(
            F.concat(
                F.lit("volume is "),
                _words(F.abs("volume_spike_pct")),
                F.when(F.col("volume_spike_pct") < 0, "% below").otherwise("% above"),
                F.lit(f" the mean of the last {settings.volume_spike_window_sessions} sessions"),
            )
        )
    )
    return _verdicts(metrics_df, VOLUME_SPIKE, settings, reason)


def pe_ratio_alert(metrics_df: DataFrame, settings: SignalSettings) -> DataFrame:
    """Triggered where a share costs too many times its earnings.

    value = close / EPS, with the trailing twelve months' EPS as it was known at the session's end; no
    value where EPS is unknown, zero or negative.
    https://www.investopedia.com/terms/p/price-earningsratio.asp
    """
    reason = (
        F.when(F.col("eps").isNull(), "no earnings were known at the session's end")
        .when(F.col("eps") <= 0, "earnings are not positive: the ratio means nothing")
        .otherwise(
            F.concat(F.lit("a share costs "), _words(F.col("pe_ratio")), F.lit(" times its yearly earnings"))
        )
    )
    drawn_df = metrics_df.withColumn("is_simulated", F.col("has_drawn_facts"))
    return _verdicts(drawn_df, PE_RATIO, settings, reason)


SIGNALS: tuple[Signal, ...] = (volume_spike_alert, pe_ratio_alert)


def all_signals(metrics_df: DataFrame, settings: SignalSettings) -> DataFrame:
    """Every signal's verdict on every session of `metrics_df` (jobs.metrics.session_metrics), stocks only."""
    stocks_df = metrics_df.filter("asset_class = 'stock'")
    verdicts = (signal(stocks_df, settings) for signal in SIGNALS)
    return reduce(lambda above, below: above.unionByName(below), verdicts)


def triggered_signals(settings: SignalSettings) -> Column:
    """The names of the signals that are triggered on a session of session_metrics, as all_signals has them:
    sorted, one text; empty for none.
    """
    return F.concat_ws(", ", *(F.when(_is_triggered(name, settings), name) for name in sorted(_MEASURED)))


def _is_triggered(name: str, settings: SignalSettings) -> Column:
    value, threshold = _MEASURED[name]
    return F.coalesce(F.col(value) >= F.lit(threshold(settings)).cast(PRICE), F.lit(False))


def _verdicts(metrics_df: DataFrame, name: str, settings: SignalSettings, reason: Column) -> DataFrame:
    value, threshold = _MEASURED[name]
    return metrics_df.select(
        "symbol",
        "trade_dt",
        "provider",
        F.lit(name).alias("signal"),
        F.col(value).alias("value"),
        F.lit(threshold(settings)).cast(PRICE).alias("threshold"),
        _is_triggered(name, settings).alias("is_triggered"),
        reason.alias("reason"),
        "is_simulated",
    )


def _words(value: Column) -> Column:
    return F.round(value, 1).cast("decimal(18,1)").cast("string")
