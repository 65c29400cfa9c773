"""Alpha Vantage payloads as rows of text: nothing judged, nothing converted, nothing lost.

Formats: https://www.alphavantage.co/documentation/ ; JSON objects keyed by time, or CSV with a header.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import MapType, StringType, StructField, StructType

from delta_tables.intervals import INTERVAL_MINUTES
from jobs.market_calendar.intervals import interval_minutes
from jobs.market_calendar.sessions import CRYPTO, FX, STOCKS_US
from jobs.parsing.raw_schema import PAYLOAD_COLUMNS

_TEXTS = MapType(StringType(), StringType())
_INTRADAY = tuple(name for name in INTERVAL_MINUTES if name.endswith("min"))
# The name of the series of each dataset; %s stands for the interval.
_SERIES_OF = {
    "intraday": "Time Series (%s)",
    "daily": "Time Series (Daily)",
    "fx_intraday": "Time Series FX (%s)",
    "fx_daily": "Time Series FX (Daily)",
    "crypto_intraday": "Time Series Crypto (%s)",
    "crypto_daily": "Time Series (Digital Currency Daily)",
}
BAR_DATASETS = tuple(_SERIES_OF)
_SERIES = tuple(
    name.replace("%s", interval)
    for name in _SERIES_OF.values()
    for interval in (_INTRADAY if "%s" in name else ("",))
)
# 6. volume: the functions with adjusted prices number it after the adjusted close
_PRICES = ("open", "high", "low", "close")
_PRICE_NAMES = {name: f"{number}. {name}" for number, name in enumerate(_PRICES, start=1)}
_BAR_NAMES = (*_PRICE_NAMES.values(), "5. volume", "6. volume")
_BAR = StructType([StructField(name, StringType()) for name in _BAR_NAMES])
_BODY = StructType(
    [
        StructField("Meta Data", _TEXTS),
        *(StructField(name, MapType(StringType(), _BAR)) for name in _SERIES),
    ]
)
# Until 2024 coins were told in two currencies, the market's first: `1a. open (EUR)` and `1b. open (USD)`.
_IN_MARKET = r'"([1-4])a\. (open|high|low|close) \([^)]+\)"'
_FX_DATASETS = ("fx_daily", "fx_intraday")
_CRYPTO_DATASETS = ("crypto_daily", "crypto_intraday")
# The calendars that the bars of each dataset name.
CALENDARS = (
    dict.fromkeys(BAR_DATASETS, (STOCKS_US,))
    | dict.fromkeys(_FX_DATASETS, (FX,))
    | dict.fromkeys(_CRYPTO_DATASETS, (CRYPTO,))
)
_ZONES = tuple(f"{number}. Time Zone" for number in (4, 5, 6, 7, 8, 9))
_COMMON = PAYLOAD_COLUMNS
_KIND = ("asset_class", "calendar", "adjustment", "clock", "kind")
_CSV_NAMES = ("timestamp", *_PRICES, "volume")


def parse_alphavantage_bars(payloads_df: DataFrame) -> DataFrame:
    """One row a bar with RAW_BAR_COLUMNS, values as text; a payload without bars gives one of nulls.

    The kind is candle, or partial: a bar that had not ended when it was fetched.
    """
    is_fx, is_coin = F.col("dataset").isin(*_FX_DATASETS), F.col("dataset").isin(*_CRYPTO_DATASETS)
    text_df = payloads_df.filter(F.col("dataset").isin(*BAR_DATASETS)).select(
        *_COMMON,
        F.when(is_fx, "fx").when(is_coin, "crypto").otherwise("stock").alias("asset_class"),
        F.when(is_fx, FX).when(is_coin, CRYPTO).otherwise(STOCKS_US).alias("calendar"),
        F.lit("raw").alias("adjustment"),
        F.when(is_fx | is_coin, "utc").otherwise("exchange").alias("clock"),
        F.lit("candle").alias("kind"),
        F.col("body").cast("string").alias("text"),
    )
    is_csv = F.col("text").startswith("timestamp,")
    bars_df = _json_bars(text_df.filter(~is_csv)).unionByName(_csv_bars(text_df.filter(is_csv)))
    return bars_df.withColumn("kind", F.when(_is_under_way(), "partial").otherwise(F.col("kind")))


def parse_alphavantage_overviews(payloads_df: DataFrame) -> DataFrame:
    """One row a company overview: the common columns, `position`, and `facts` (map of text to text)."""
    return payloads_df.filter(F.col("dataset") == "overview").select(
        *_COMMON,
        F.lit("/").alias("position"),
        F.from_json(F.col("body").cast("string"), _TEXTS.simpleString()).alias("facts"),
    )


def _json_bars(text_df: DataFrame) -> DataFrame:
    is_told_twice = F.col("dataset").isin(*_CRYPTO_DATASETS) & F.col("text").contains('"1a. open (')
    in_market = F.regexp_replace("text", _IN_MARKET, '"$1. $2"')
    text = F.when(is_told_twice, in_market).otherwise(F.col("text"))
    body_df = text_df.withColumn("parsed", F.from_json(text, _BODY))
    meta_df = body_df.withColumn("meta", F.col("parsed.`Meta Data`"))
    # What every bar of a payload shares is taken out before the rows multiply.
    payload_df = meta_df.select(
        *_COMMON,
        *_KIND,
        F.concat(F.lit("/"), _series_name(), F.lit("/")).alias("place"),
        _meta_symbol().alias("symbol_text"),
        F.coalesce(*(_item("meta", name) for name in _ZONES)).alias("zone_text"),
        F.coalesce(*(F.col(f"parsed.`{name}`") for name in _SERIES)).alias("series"),
    )
    shared = (*_COMMON, *_KIND, "place", "symbol_text", "zone_text")
    bar_df = payload_df.select(*shared, F.explode_outer("series").alias("timestamp_text", "bar"))
    return bar_df.select(
        *_COMMON,
        *_KIND,
        F.concat("place", F.coalesce("timestamp_text", F.lit(""))).alias("position"),
        "symbol_text",
        "zone_text",
        "timestamp_text",
        *(F.col(f"bar.`{told}`").alias(f"{name}_text") for name, told in _PRICE_NAMES.items()),
        F.coalesce("bar.`5. volume`", "bar.`6. volume`").alias("volume_text"),
    )


def _csv_bars(text_df: DataFrame) -> DataFrame:
    """Lines read by the names in the header: with adjusted prices the volume is not the sixth column."""
    lines = F.split(F.regexp_replace("text", "\\s+$", ""), "\r?\n")
    lines_df = text_df.select(*_COMMON, *_KIND, lines.alias("lines"))
    header_df = lines_df.withColumn("names", F.split(F.get("lines", F.lit(0)), ","))
    line_df = header_df.select(
        *_COMMON, *_KIND, "names", "lines", F.posexplode("lines").alias("line_no", "line")
    )
    # a header alone is kept as a row that no rule accepts, so that the payload does not vanish
    cell_df = line_df.filter((F.col("line_no") > 0) | (F.size("lines") == 1)).withColumn(
        "cells", F.split("line", ",")
    )
    return cell_df.select(
        *_COMMON,
        *_KIND,
        F.concat(F.lit("line "), (F.col("line_no") + 1).cast("string")).alias("position"),
        F.lit(None).cast("string").alias("symbol_text"),
        F.lit(None).cast("string").alias("zone_text"),
        *(_cell(name).alias(f"{name}_text") for name in _CSV_NAMES),
    )


def _is_under_way() -> Column:
    """Whether the bar had not ended when it was fetched: the newest of a market that never closes."""
    start = F.expr("try_cast(timestamp_text AS timestamp)")
    end = F.unix_timestamp(start) + 60 * interval_minutes(F.col("interval"))
    is_open = F.col("dataset").isin("fx_intraday", *_CRYPTO_DATASETS)
    return F.when(is_open, F.coalesce(end > F.unix_timestamp("fetched_at"), F.lit(False))).otherwise(
        F.lit(False)
    )


def _cell(name: str) -> Column:
    place = F.array_position("names", name).cast("int")
    return F.when(place > 0, F.get("cells", place - 1))


def _series_name() -> Column:
    name = F.lit(None).cast("string")
    for dataset, series in _SERIES_OF.items():
        before, _, after = series.partition("%s")
        interval = F.coalesce("interval", F.lit("")) if after else F.lit("")
        name = F.when(F.col("dataset") == dataset, F.concat(F.lit(before), interval, F.lit(after))).otherwise(
            name
        )
    return name


def _meta_symbol() -> Column:
    pair = F.concat(_item("meta", "2. From Symbol"), _item("meta", "3. To Symbol"))
    coin = F.concat_ws("-", _item("meta", "2. Digital Currency Code"), _item("meta", "4. Market Code"))
    return F.coalesce(pair, _item("meta", "2. Symbol"), F.when(coin != "", coin))


def _item(column: str, key: str) -> Column:
    return F.element_at(F.col(column), F.lit(key))
