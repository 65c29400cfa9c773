"""Five-minute bars in the bodies of Alpha Vantage's TIME_SERIES_INTRADAY, by DuckDB."""

# {payloads}: symbol, payload_id, body (text)
TYPED_BARS = """
WITH bodies AS (
    SELECT symbol, payload_id, unnest(map_entries((body::JSON->'Time Series (5min)')::MAP(VARCHAR, STRUCT(
        "1. open" DECIMAL(24,12), "2. high" DECIMAL(24,12), "3. low" DECIMAL(24,12), "4. close" DECIMAL(24,12),
        "5. volume" DECIMAL(28,8))))) AS bar
    FROM {payloads}
)
SELECT symbol, payload_id, timezone('America/New_York', bar.key::timestamp) AS "timestamp",
    bar.key::timestamp::date AS trade_dt, bar.value."1. open" AS open, bar.value."2. high" AS high,
    bar.value."3. low" AS low, bar.value."4. close" AS close, bar.value."5. volume" AS volume
FROM bodies
"""
