"""Alpha Vantage's bars and overviews as raw string columns. Nothing is validated or converted.

Formats: https://www.alphavantage.co/documentation/ ; JSON objects keyed by time, or CSV with a header.
"""

from pyspark import cloudpickle
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import MapType, StringType, StructField, StructType

from delta_tables.intervals import INTERVAL_MINUTES
from jobs.market_calendar.intervals import interval_minutes
from jobs.market_calendar.sessions import CRYPTO, FX, STOCKS_US
from jobs.parsing import body_text
from jobs.parsing.body_text import bounded_text
from jobs.parsing.raw_schema import PAYLOAD_COLUMNS

_STRINGS = MapType(StringType(), StringType())
_INTRADAY = tuple(name for name in INTERVAL_MINUTES if name.endswith("min"))
# The name of the series by dataset; %s is the interval.
_SERIES_OF = {
    "intraday": "Time Series (%s)",
    "daily": "Time Series (Daily)",
    "fx_intraday": "Time Series FX (%s)",
    "fx_daily": "Time Series FX (Daily)",
    "crypto_intraday": "Time Series Crypto (%s)",
    "crypto_daily": "Time Series (Digital Currency Daily)",
}
BAR_DATASETS = tuple(_SERIES_OF)
OVERVIEW_DATASETS = ("overview",)
_SERIES = tuple(
    name.replace("%s", interval)
    for name in _SERIES_OF.values()
    for interval in (_INTRADAY if "%s" in name else ("",))
)
# Functions with adjusted prices number the volume after the adjusted close: `6. volume`.
_PRICES = ("open", "high", "low", "close")
_PRICE_NAMES = {name: f"{number}. {name}" for number, name in enumerate(_PRICES, start=1)}
_BAR_NAMES = (*_PRICE_NAMES.values(), "5. volume", "6. volume")
_BAR = StructType([StructField(name, StringType()) for name in _BAR_NAMES])
_BODY = StructType(
    [
        StructField("Meta Data", _STRINGS),
        *(StructField(name, MapType(StringType(), _BAR)) for name in _SERIES),
    ]
)
# Until 2024 coins had prices in two currencies, the market's first: `1a. open (EUR)` and `1b. open (USD)`.
_IN_MARKET = r'"([1-4])a\. (open|high|low|close) \([^)]+\)"'
_FX_DATASETS = ("fx_daily", "fx_intraday")
_CRYPTO_DATASETS = ("crypto_daily", "crypto_intraday")
# The calendars of the bars by dataset.
CALENDARS = (
    dict.fromkeys(BAR_DATASETS, (STOCKS_US,))
    | dict.fromkeys(_FX_DATASETS, (FX,))
    | dict.fromkeys(_CRYPTO_DATASETS, (CRYPTO,))
)
_ZONES = tuple(f"{number}. Time Zone" for number in (4, 5, 6, 7, 8, 9))
_KIND_COLUMNS = ("asset_class", "calendar", "adjustment", "clock", "kind")
_CSV_NAMES = ("timestamp", *_PRICES, "volume")


def parse_alphavantage_bars(payloads_df: DataFrame) -> DataFrame:
    """One row per bar with RAW_BAR_COLUMNS; a payload without bars gives one row of nulls.

    `kind` is candle, or partial for a bar that had not ended when it was fetched.
    """
    is_fx, is_coin = F.col("dataset").isin(*_FX_DATASETS), F.col("dataset").isin(*_CRYPTO_DATASETS)
    text_df = payloads_df.filter(F.col("dataset").isin(*BAR_DATASETS)).select(
        *PAYLOAD_COLUMNS,
        F.when(is_fx, "fx").when(is_coin, "crypto").otherwise("stock").alias("asset_class"),
        F.when(is_fx, FX).when(is_coin, CRYPTO).otherwise(STOCKS_US).alias("calendar"),
        F.lit("raw").alias("adjustment"),
        F.when(is_fx | is_coin, "utc").otherwise("exchange").alias("clock"),
        F.lit("candle").alias("kind"),
        _text().alias("text"),
    )
    is_csv = F.col("text").startswith("timestamp,")
    bars_df = _json_bars(text_df.filter(~is_csv)).unionByName(_csv_bars(text_df.filter(is_csv)))
    return bars_df.withColumn("kind", F.when(_is_under_way(), "partial").otherwise(F.col("kind")))


def parse_alphavantage_overviews(payloads_df: DataFrame) -> DataFrame:
    """One row per company overview: PAYLOAD_COLUMNS, position and facts (map of string to string)."""
    return payloads_df.filter(F.col("dataset").isin(*OVERVIEW_DATASETS)).select(
        *PAYLOAD_COLUMNS,
        F.lit("/").alias("position"),
        F.from_json(_text(), _STRINGS.simpleString()).alias("facts"),
    )


def _text() -> Column:
    """The body as text that both engines can hold; empty if it has more bars than are read per payload."""
    cloudpickle.register_pickle_by_value(body_text)  # type: ignore[no-untyped-call]
    return F.udf(bounded_text, "string")("body")


def _json_bars(text_df: DataFrame) -> DataFrame:
    has_two_currencies = F.col("dataset").isin(*_CRYPTO_DATASETS) & F.col("text").contains('"1a. open (')
    in_market = F.regexp_replace("text", _IN_MARKET, '"$1. $2"')
    text = F.when(has_two_currencies, in_market).otherwise(F.col("text"))
    body_df = text_df.withColumn("parsed", F.from_json(text, _BODY))
    meta_df = body_df.withColumn("meta", F.col("parsed.`Meta Data`"))
    # Extract what all bars of a payload share before exploding them.
    payload_df = meta_df.select(
        *PAYLOAD_COLUMNS,
        *_KIND_COLUMNS,
        F.concat(F.lit("/"), _series_name(), F.lit("/")).alias("series_path"),
        _meta_symbol().alias("symbol_text"),
        F.coalesce(*(_item("meta", name) for name in _ZONES)).alias("zone_text"),
        F.coalesce(*(F.col(f"parsed.`{name}`") for name in _SERIES)).alias("series"),
    )
    shared = (*PAYLOAD_COLUMNS, *_KIND_COLUMNS, "series_path", "symbol_text", "zone_text")
    bar_df = payload_df.select(*shared, F.explode_outer("series").alias("timestamp_text", "bar"))
    return bar_df.select(
        *PAYLOAD_COLUMNS,
        *_KIND_COLUMNS,
        F.concat("series_path", F.coalesce("timestamp_text", F.lit(""))).alias("position"),
        "symbol_text",
        "zone_text",
        "timestamp_text",
        *(F.col(f"bar.`{key}`").alias(f"{name}_text") for name, key in _PRICE_NAMES.items()),
        F.coalesce("bar.`5. volume`", "bar.`6. volume`").alias("volume_text"),
    )


def _csv_bars(text_df: DataFrame) -> DataFrame:
    """Lines by the names in the header: with adjusted prices the volume is not the sixth column."""
    lines = F.split(F.regexp_replace("text", "\\s+$", ""), "\r?\n")
    lines_df = text_df.select(*PAYLOAD_COLUMNS, *_KIND_COLUMNS, lines.alias("lines"))
    header_df = lines_df.withColumn("names", F.split(F.get("lines", F.lit(0)), ","))
    line_df = header_df.select(
        *PAYLOAD_COLUMNS, *_KIND_COLUMNS, "names", "lines", F.posexplode("lines").alias("line_no", "line")
    )
    # a header alone is kept as a row that no rule accepts, so that the payload does not disappear
    cell_df = line_df.filter((F.col("line_no") > 0) | (F.size("lines") == 1)).withColumn(
        "cells", F.split("line", ",")
    )
    return cell_df.select(
        *PAYLOAD_COLUMNS,
        *_KIND_COLUMNS,
        F.concat(F.lit("line "), (F.col("line_no") + 1).cast("string")).alias("position"),
        F.lit(None).cast("string").alias("symbol_text"),
        F.lit(None).cast("string").alias("zone_text"),
        *(_cell(name).alias(f"{name}_text") for name in _CSV_NAMES),
    )


def _is_under_way() -> Column:
    """Whether the bar had not ended when it was fetched: the newest bar of a market that never closes."""
    start = F.expr("try_cast(timestamp_text AS timestamp)")
    end = F.unix_timestamp(start) + 60 * interval_minutes(F.col("interval"))
    is_open = F.col("dataset").isin("fx_intraday", *_CRYPTO_DATASETS)
    return F.when(is_open, F.coalesce(end > F.unix_timestamp("fetched_at"), F.lit(False))).otherwise(
        F.lit(False)
    )


def _cell(name: str) -> Column:
    number = F.array_position("names", name).cast("int")
    return F.when(number > 0, F.get("cells", number - 1))


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
