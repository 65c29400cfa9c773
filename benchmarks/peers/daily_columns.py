"""What every contestant's daily tables must agree in."""

BARS, KPIS, OVERVIEW = "bars", "daily_kpis", "stock_overview"
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
    OVERVIEW: [
        *("symbol", "trade_dt", "close", "volume", "price_change", "price_change_pct", "7d_avg"),
        *("volatility_score", "volume_spike_pct", "triggered_signals"),
    ],
}
