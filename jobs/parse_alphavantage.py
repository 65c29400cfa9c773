"""Alpha Vantage payloads as rows of text: nothing judged, nothing converted, nothing lost.

Formats: https://www.alphavantage.co/documentation/ ; JSON objects keyed by time, or CSV with a header.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import MapType, StringType, StructField, StructType

from jobs.intervals import MINUTES

_TEXTS = MapType(StringType(), StringType())
_SERIES_OF_INTERVAL = {name: f"Time Series ({name})" for name in MINUTES if name != "1day"}
_SERIES = (*_SERIES_OF_INTERVAL.values(), "Time Series (Daily)", "Time Series FX (Daily)")
_BODY = StructType(
    [
        StructField("Meta Data", _TEXTS),
        *(StructField(name, MapType(StringType(), _TEXTS)) for name in _SERIES),
    ]
)
_BAR_DATASETS = ("intraday", "daily", "fx_daily")
_COMMON = ("provider", "dataset", "symbol", "interval", "fetched_at", "payload_id", "is_simulated")
RAW_BAR_COLUMNS = (
    *_COMMON,
    *("asset_class", "position", "symbol_text", "zone_text", "timestamp_text"),
    *("open_text", "high_text", "low_text", "close_text", "volume_text"),
)


def raw_bars(payloads_df: DataFrame) -> DataFrame:
    """One row a bar with RAW_BAR_COLUMNS, values as text; a payload without bars gives one of nulls."""
    asset_class = F.when(F.col("dataset") == "fx_daily", "fx").otherwise("stock")
    text_df = payloads_df.filter(F.col("dataset").isin(*_BAR_DATASETS)).select(
        *_COMMON, asset_class.alias("asset_class"), F.col("body").cast("string").alias("text")
    )
    is_csv = F.col("text").startswith("timestamp,")
    return _json_bars(text_df.filter(~is_csv)).unionByName(_csv_bars(text_df.filter(is_csv)))


def raw_overviews(payloads_df: DataFrame) -> DataFrame:
    """One row a company overview: the common columns, `position`, and `facts` (map of text to text)."""
    return payloads_df.filter(F.col("dataset") == "overview").select(
        *_COMMON,
        F.lit("/").alias("position"),
        F.from_json(F.col("body").cast("string"), _TEXTS.simpleString()).alias("facts"),
    )


def _json_bars(text_df: DataFrame) -> DataFrame:
    body_df = text_df.withColumn("parsed", F.from_json("text", _BODY))
    meta_df = body_df.withColumn("meta", F.col("parsed.`Meta Data`"))
    # What every bar of a payload shares is taken out before the rows multiply.
    payload_df = meta_df.select(
        *_COMMON,
        "asset_class",
        F.concat(F.lit("/"), _series_name(), F.lit("/")).alias("place"),
        _meta_symbol().alias("symbol_text"),
        F.coalesce(_item("meta", "6. Time Zone"), _item("meta", "5. Time Zone")).alias("zone_text"),
        F.coalesce(*(F.col(f"parsed.`{name}`") for name in _SERIES)).alias("series"),
    )
    shared = (*_COMMON, "asset_class", "place", "symbol_text", "zone_text")
    bar_df = payload_df.select(*shared, F.explode_outer("series").alias("timestamp_text", "bar"))
    return bar_df.select(
        *_COMMON,
        "asset_class",
        F.concat("place", F.coalesce("timestamp_text", F.lit(""))).alias("position"),
        "symbol_text",
        "zone_text",
        "timestamp_text",
        _item("bar", "1. open").alias("open_text"),
        _item("bar", "2. high").alias("high_text"),
        _item("bar", "3. low").alias("low_text"),
        _item("bar", "4. close").alias("close_text"),
        # 6. volume: the functions with adjusted prices number it after the adjusted close
        F.coalesce(_item("bar", "5. volume"), _item("bar", "6. volume")).alias("volume_text"),
    )


def _csv_bars(text_df: DataFrame) -> DataFrame:
    """Lines read by the names in the header: with adjusted prices the volume is not the sixth column."""
    lines = F.split(F.regexp_replace("text", "\\s+$", ""), "\r?\n")
    lines_df = text_df.select(*_COMMON, "asset_class", lines.alias("lines"))
    header_df = lines_df.withColumn("names", F.split(F.get("lines", F.lit(0)), ","))
    line_df = header_df.select(
        *_COMMON, "asset_class", "names", "lines", F.posexplode("lines").alias("line_no", "line")
    )
    # a header alone is kept as a row that no rule accepts, so that the payload does not vanish
    cell_df = line_df.filter((F.col("line_no") > 0) | (F.size("lines") == 1)).withColumn(
        "cells", F.split("line", ",")
    )
    return cell_df.select(
        *_COMMON,
        "asset_class",
        F.concat(F.lit("line "), (F.col("line_no") + 1).cast("string")).alias("position"),
        F.lit(None).cast("string").alias("symbol_text"),
        F.lit(None).cast("string").alias("zone_text"),
        *(_cell(name.removesuffix("_text")).alias(name) for name in RAW_BAR_COLUMNS[-6:]),
    )


def _cell(name: str) -> Column:
    place = F.array_position("names", name).cast("int")
    return F.when(place > 0, F.get("cells", place - 1))


def _series_name() -> Column:
    intraday = F.concat(F.lit("Time Series ("), F.col("interval"), F.lit(")"))
    daily = F.when(F.col("dataset") == "fx_daily", "Time Series FX (Daily)").otherwise("Time Series (Daily)")
    return F.when(F.col("dataset") == "intraday", intraday).otherwise(daily)


def _meta_symbol() -> Column:
    pair = F.concat(_item("meta", "2. From Symbol"), _item("meta", "3. To Symbol"))
    return F.coalesce(pair, _item("meta", "2. Symbol"))


def _item(column: str, key: str) -> Column:
    return F.element_at(F.col(column), F.lit(key))
