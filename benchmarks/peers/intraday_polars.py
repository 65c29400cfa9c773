"""Five-minute bars in the bodies of Alpha Vantage's TIME_SERIES_INTRADAY, by json and Polars."""

import polars as pl

from benchmarks.peers.daily_polars import texts_of

PRICES = ("open", "high", "low", "close")
_ZONE = "America/New_York"


def typed_bars(payloads: pl.DataFrame) -> pl.DataFrame:
    """symbol, payload_id, timestamp (UTC), trade_dt, prices, volume; `payloads`: symbol, payload_id, body."""
    texts = texts_of(payloads, "Time Series (5min)")
    wall = pl.col("day").str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us")
    return texts.lazy().select(_columns(wall)).collect()


def _columns(wall: pl.Expr) -> list[pl.Expr]:
    return [
        pl.col("symbol"),
        pl.col("payload_id"),
        wall.dt.replace_time_zone(_ZONE).dt.convert_time_zone("UTC").alias("timestamp"),
        wall.dt.date().alias("trade_dt"),
        *(pl.col(name).cast(pl.Decimal(24, 12)) for name in PRICES),
        pl.col("volume").cast(pl.Decimal(28, 8)),
    ]
