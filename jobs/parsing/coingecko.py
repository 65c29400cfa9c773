"""CoinGecko payloads as raw string columns. Nothing is validated; only exponents are written out.

Formats: https://docs.coingecko.com/reference/coins-id-market-chart, .../coins-id-ohlc and .../coins-markets
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.parsing.coingecko_json import BAR_COLUMNS, COIN_COLUMNS, coin_bar_rows, coin_rows
from jobs.parsing.python_parser import parse_bodies
from jobs.parsing.raw_schema import PAYLOAD_COLUMNS, RAW_BAR_COLUMNS

BAR_DATASETS, COIN_DATASETS = ("market_chart", "ohlc"), ("markets",)


def parse_coingecko_bars(payloads_df: DataFrame) -> DataFrame:
    """One row per candle (ohlc) or price (market_chart) with RAW_BAR_COLUMNS; at least one row per payload.

    `timestamp_text` is the start of a candle, although CoinGecko stamps its end. A candle that had not ended
    when it was fetched is `partial`. Volume is null: CoinGecko's volume is that of rolling 24 hours, never of
    a bar. `interval` is the spacing of the timestamps, because CoinGecko chooses it by the requested range.
    """
    bars_df = parse_bodies(
        payloads_df.filter(F.col("dataset").isin(*BAR_DATASETS)), coin_bar_rows, BAR_COLUMNS
    )
    constants = {"asset_class": "crypto", "calendar": "24/7", "adjustment": "raw", "clock": "epoch_ms"}
    return (
        bars_df.withColumns({name: F.lit(text) for name, text in constants.items()})
        .withColumns(
            {name: F.lit(None).cast("string") for name in ("symbol_text", "zone_text", "volume_text")}
        )
        .withColumn("kind", _kind())
        .select(*RAW_BAR_COLUMNS)
    )


def parse_coingecko_overviews(payloads_df: DataFrame) -> DataFrame:
    """One row per coin of `markets`: PAYLOAD_COLUMNS, position and facts (map of string to string).

    The facts have Alpha Vantage's names: Symbol (as in the watch list: BTC-USD), Name, AssetType, Currency
    and MarketCapitalization (in that currency).
    """
    coins_df = parse_bodies(
        payloads_df.filter(F.col("dataset").isin(*COIN_DATASETS)), coin_rows, COIN_COLUMNS
    )
    facts = {
        "Symbol": F.col("symbol_text"),
        "Name": F.col("name_text"),
        "AssetType": F.lit("Cryptocurrency"),
        "Currency": F.col("currency_text"),
        "MarketCapitalization": F.col("market_cap_text"),
    }
    pairs = (part for name, text in facts.items() for part in (F.lit(name), text))
    return coins_df.select(*PAYLOAD_COLUMNS, "position", F.create_map(*pairs).alias("facts"))


def _kind() -> Column:
    end_seconds = F.expr("try_cast(end_text AS bigint)") / 1000
    is_under_way = end_seconds > F.col("fetched_at").cast("bigint")
    candle = F.when(is_under_way, "partial").otherwise("candle")
    return F.when(F.col("dataset") == "ohlc", candle).otherwise("snapshot")
