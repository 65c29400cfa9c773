"""Gold stock_overview: one wide row per symbol and session, for BI tools."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from config.settings import SignalSettings
from jobs.gold.signals import triggered_signals


def stock_overview(metrics_df: DataFrame, settings: SignalSettings) -> DataFrame:
    """One row per symbol and session of stocks, with prices, figures and triggered signals.

    Args:
        metrics_df: jobs.gold.metrics.session_metrics.
        settings: thresholds of the signals.

    Returns:
        symbol, trade_dt, interval, provider, open, high, low, close (quote currency), volume, price_change,
        price_change_pct, 7d_avg, volatility_score, volume_spike_pct, pe_ratio, triggered_signals (names
        joined by `, `) and is_simulated.
    """
    return metrics_df.filter("asset_class = 'stock'").select(
        *("symbol", "trade_dt", "interval", "provider", "open", "high", "low", "close", "volume"),
        *("price_change", "price_change_pct", "7d_avg", "volatility_score", "volume_spike_pct", "pe_ratio"),
        triggered_signals(settings).alias("triggered_signals"),
        F.col("has_simulated_inputs").alias("is_simulated"),
    )
