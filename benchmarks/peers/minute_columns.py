"""What every contestant's minute bars must agree in."""

ANSWER = ["symbol", "timestamp", "trade_dt", "session", "open", "high", "low", "close", "volume"]
