"""Gold signals: the value that each measures, its threshold, and a description of the result."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from config.settings import SignalSettings
from delta_tables.tables.column_types import PRICE


@dataclass(frozen=True)
class Signal:
    """A signal, triggered on a session if the column `value` of session_metrics reaches the threshold.

    `reason` describes the result in a sentence; `is_simulated` is the column that tells whether the inputs
    are simulated.
    """

    name: str
    value: str
    threshold: Callable[[SignalSettings], float]
    reason: Callable[[SignalSettings], Column]
    is_simulated: str = "is_simulated"

    def is_triggered(self, settings: SignalSettings) -> Column:
        """Whether the signal is triggered; false if there is no value."""
        return F.coalesce(F.col(self.value) >= self.level(settings), F.lit(False))

    def level(self, settings: SignalSettings) -> Column:
        """The threshold, cast to the type of the value."""
        return F.lit(self.threshold(settings)).cast(PRICE)

    def evaluate(self, metrics_df: DataFrame, settings: SignalSettings) -> DataFrame:
        """One row per session: symbol, trade_dt, provider, signal, value, threshold, is_triggered, reason and
        is_simulated.
        """
        return metrics_df.select(
            "symbol",
            "trade_dt",
            "provider",
            F.lit(self.name).alias("signal"),
            F.col(self.value).alias("value"),
            self.level(settings).alias("threshold"),
            self.is_triggered(settings).alias("is_triggered"),
            self.reason(settings).alias("reason"),
            F.col(self.is_simulated).alias("is_simulated"),
        )


def _volume_spike_reason(settings: SignalSettings) -> Column:
    return (
        F.when(F.col("is_half_day"), "half day: volume is not compared")
        .when(F.col("volume").isNull(), "the market reports no volume")
        .when(F.col("volume_spike_pct").isNull(), "no full session before to compare with")
        .otherwise(
            F.concat(
                F.lit("volume is "),
                _one_decimal(F.abs("volume_spike_pct")),
                F.when(F.col("volume_spike_pct") < 0, "% below").otherwise("% above"),
                F.lit(f" the mean of the last {settings.volume_spike_window_sessions} sessions"),
            )
        )
    )


def _pe_ratio_reason(_settings: SignalSettings) -> Column:
    return (
        F.when(F.col("eps").isNull(), "no earnings were known at the session's end")
        .when(F.col("eps") <= 0, "earnings are not positive: the ratio means nothing")
        .otherwise(
            F.concat(
                F.lit("a share costs "), _one_decimal(F.col("pe_ratio")), F.lit(" times its yearly earnings")
            )
        )
    )


# A session's volume exceeds its recent average: value = (volume / mean volume of the full sessions among the
# last N - 1) x 100, in %; N = volume_spike_window_sessions, counted by the calendar. Half days are neither
# compared nor averaged. The value is relative volume minus one
# (https://www.investopedia.com/terms/r/relativevolume.asp).
VOLUME_SPIKE = Signal(
    "Volume Spike % Alert",
    "volume_spike_pct",
    lambda settings: settings.volume_spike_threshold_pct,
    _volume_spike_reason,
)
# A share costs too many times its earnings: value = close / EPS of the trailing twelve months, as known at
# the end of the session; no value if EPS is unknown, zero or negative.
# https://www.investopedia.com/terms/p/price-earningsratio.asp
PE_RATIO = Signal(
    "P/E Ratio Alert",
    "pe_ratio",
    lambda settings: settings.pe_ratio_threshold,
    _pe_ratio_reason,
    is_simulated="has_simulated_inputs",
)
SIGNALS = (VOLUME_SPIKE, PE_RATIO)


def all_signals(metrics_df: DataFrame, settings: SignalSettings) -> DataFrame:
    """One row per signal and session of stocks: see Signal.evaluate for the columns.

    `metrics_df`: metrics.session_metrics.
    """
    stocks_df = metrics_df.filter("asset_class = 'stock'")
    results = (signal.evaluate(stocks_df, settings) for signal in SIGNALS)
    return reduce(lambda above, below: above.unionByName(below), results)


def triggered_signals(settings: SignalSettings) -> Column:
    """The names of the triggered signals of a session, sorted, joined by `, `; empty if none."""
    named = sorted(SIGNALS, key=lambda signal: signal.name)
    return F.concat_ws(", ", *(F.when(signal.is_triggered(settings), signal.name) for signal in named))


def _one_decimal(value: Column) -> Column:
    return F.round(value, 1).cast("decimal(18,1)").cast("string")
