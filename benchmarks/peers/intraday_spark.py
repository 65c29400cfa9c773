"""Five-minute bars in the bodies of Alpha Vantage's TIME_SERIES_INTRADAY, in plain PySpark."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

_BODY = "struct<`Time Series (5min)`: map<string, map<string, string>>>"
_PRICES = ("open", "high", "low", "close")


def typed_bars(payloads_df: DataFrame) -> DataFrame:
    """symbol, payload_id, timestamp (UTC), trade_dt, prices, volume; `payloads_df` has body besides."""
    body = F.from_json(F.col("body").cast("string"), _BODY)
    texts_df = payloads_df.select(
        "symbol", "payload_id", F.explode(body["Time Series (5min)"]).alias("wall", "bar")
    )
    return texts_df.select(
        *("symbol", "payload_id"),
        F.to_utc_timestamp(F.to_timestamp("wall"), "America/New_York").alias("timestamp"),
        F.to_date("wall").alias("trade_dt"),
        *(
            F.col("bar")[f"{n}. {name}"].cast("decimal(24,12)").alias(name)
            for n, name in enumerate(_PRICES, 1)
        ),
        F.col("bar")["5. volume"].cast("decimal(28,8)").alias("volume"),
    )
