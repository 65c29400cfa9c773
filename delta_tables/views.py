"""The views over the tables, as plain SQL."""

STOCK_CLEAN = "silver.stock_clean"


def stock_clean_sql(source: str) -> str:
    """The SELECT of the view silver.stock_clean over `source`, plain SQL for any engine.

    Current stock bars, volume as bigint. Bars of several intervals can begin at one instant; the view
    has one row a symbol and timestamp, that of the finest interval (`interval` says which).
    """
    minutes = "CASE interval WHEN '1day' THEN 1440 ELSE CAST(replace(interval, 'min', '') AS INT) END"
    return (
        "SELECT symbol, timestamp, trade_dt, interval, session, provider, open, high, low, close, "  # noqa: S608 - no outside text
        "CAST(volume AS BIGINT) AS volume, is_simulated FROM ("
        "SELECT *, row_number() OVER "
        f"(PARTITION BY symbol, timestamp ORDER BY {minutes}, provider) AS choice "
        f"FROM {source} WHERE known_to IS NULL AND asset_class = 'stock') ranked WHERE choice = 1"
    )
