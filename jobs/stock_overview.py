"""Gold stock_overview: the wide row a symbol and session for BI tools."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def stock_overview(metrics_df: DataFrame, signals_df: DataFrame) -> DataFrame:
    """One row a symbol and session with its prices, figures and the names of its triggered signals.

    `metrics_df`: jobs.metrics.session_metrics; `signals_df`: jobs.signals.all_signals of the same sessions.
    """
    names = F.concat_ws(", ", F.sort_array(F.collect_list("signal"))).alias("triggered_signals")
    triggered_df = signals_df.filter("is_triggered").groupBy("symbol", "trade_dt").agg(names)
    joined_df = metrics_df.filter("asset_class = 'stock'").join(triggered_df, ["symbol", "trade_dt"], "left")
    return joined_df.select(
        *("symbol", "trade_dt", "interval", "provider", "open", "high", "low", "close", "volume"),
        *("price_change", "price_change_pct", "7d_avg", "volatility_score", "volume_spike_pct", "pe_ratio"),
        F.coalesce("triggered_signals", F.lit("")).alias("triggered_signals"),
        F.col("has_drawn_facts").alias("is_simulated"),
    )
