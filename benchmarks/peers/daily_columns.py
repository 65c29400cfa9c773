"""What every contestant's daily tables must agree in: not in `reason`, which has rounded numbers in words."""

BARS, KPIS, SIGNALS, OVERVIEW = "bars", "daily_kpis", "signals", "stock_overview"
ANSWER = {
    BARS: [
        "symbol",
        "timestamp",
        "trade_dt",
        "session",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "payload_id",
    ],
    KPIS: ["symbol", "trade_dt", "open", "high", "low", "close", "average_price", "vwap", "volume"],
    SIGNALS: ["symbol", "trade_dt", "signal", "value", "threshold", "is_triggered"],
    OVERVIEW: [
        *("symbol", "trade_dt", "close", "volume", "price_change", "price_change_pct", "7d_avg"),
        *("volatility_score", "volume_spike_pct", "triggered_signals"),
    ],
}
