"""Gold stock_overview: the wide row a symbol and session for BI tools."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from config.settings import SignalSettings
from jobs.gold.signals import triggered_signals


def stock_overview(metrics_df: DataFrame, settings: SignalSettings) -> DataFrame:
    """One row a symbol and session with its prices, figures and the names of its triggered signals.

    `metrics_df`: jobs.gold.metrics.session_metrics.
    """
    return metrics_df.filter("asset_class = 'stock'").select(
        *("symbol", "trade_dt", "interval", "provider", "open", "high", "low", "close", "volume"),
        *("price_change", "price_change_pct", "7d_avg", "volatility_score", "volume_spike_pct", "pe_ratio"),
        triggered_signals(settings).alias("triggered_signals"),
        F.col("has_simulated_inputs").alias("is_simulated"),
    )
