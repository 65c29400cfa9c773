"""Flat files of the landing area as rows of text: read by header name, nothing judged, nothing converted.

Massive (Polygon) us_stocks_sip: https://massive.com/docs/flat-files/quickstart; a file has all tickers.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from delta_tables.storage.lake import Lake
from jobs.parsing.raw_schema import RAW_BAR_COLUMNS

TRADES, QUOTES, MINUTE_BARS, DAY_BARS = "trades_v1", "quotes_v1", "minute_aggs_v1", "day_aggs_v1"
_BARS = ("ticker", "volume", "open", "close", "high", "low", "window_start")
COLUMNS_OF = {
    TRADES: (
        *("ticker", "conditions", "correction", "exchange", "id", "participant_timestamp", "price"),
        *("sequence_number", "sip_timestamp", "size", "tape", "trf_id", "trf_timestamp"),
    ),
    QUOTES: (
        *("ticker", "ask_exchange", "ask_price", "ask_size", "bid_exchange", "bid_price", "bid_size"),
        *("conditions", "indicators", "participant_timestamp", "sequence_number", "sip_timestamp"),
        *("tape", "trf_timestamp"),
    ),
    MINUTE_BARS: _BARS,
    DAY_BARS: _BARS,
}
_INTERVAL_OF = {MINUTE_BARS: "1min", DAY_BARS: "1day"}


class FlatFileError(Exception):
    """A flat file cannot be read as what it should be: says which file, what is wrong and what to do."""


@dataclass(frozen=True)
class FlatFile:
    """One version of one flat file: a row of bronze.raw_files; `path` is relative to the lake's root.

    `size_bytes` is that of the gzipped file.
    """

    file_id: str
    provider: str
    dataset: str
    file_dt: date
    key: str
    path: str
    fetched_at: datetime
    is_simulated: bool
    size_bytes: int


Universe = frozenset[str] | None


def flat_file(row: Mapping[str, Any]) -> FlatFile:
    """The file that a row of bronze.raw_files names."""
    return FlatFile(**{name: row[name] for name in FlatFile.__dataclass_fields__})


def read_flat_file(spark: SparkSession, lake: Lake, file: FlatFile, universe: Universe) -> DataFrame:
    """The file's rows of the universe (None: all) as text, the columns of COLUMNS_OF; empty ones null.

    A row without a ticker is never filtered out, so that it can be set aside; its ticker is "". A line
    with too many or too few fields makes both engines raise when the rows are computed: see `reading`.

    Raises:
        FlatFileError: a column is missing, or the file cannot be opened.
    """
    names = COLUMNS_OF[file.dataset]
    with reading(file):
        reader = spark.read.option("header", "true").option("inferSchema", "false")
        file_df = reader.option("mode", "FAILFAST").csv(f"{lake.root}/{file.path}")
        found = file_df.columns  # each look at it asks the engine
        missing = [name for name in names if name not in found]
    if missing:
        raise FlatFileError(
            f"{file.key}: wanted a header with {list(names)}, found {found}, missing {missing}; "
            "see what the provider changed, nothing was taken from the file"
        )
    ticker = F.coalesce(F.col("ticker"), F.lit(""))
    rows_df = file_df.select(
        ticker.alias("ticker"), *(_text(name).alias(name) for name in names if name != "ticker")
    )
    return rows_df if universe is None else rows_df.filter(F.col("ticker").isin("", *sorted(universe)))


def read_bar_file(
    spark: SparkSession, lake: Lake, file_row: Mapping[str, Any], universe: Universe
) -> DataFrame:
    """RAW_BAR_COLUMNS of a file of minute_aggs_v1 or day_aggs_v1: unadjusted, start of the bar in ns UTC.

    `payload_id` is the file's id, `position` ticker/window_start.

    Raises:
        FlatFileError: a column is missing, or the file cannot be opened.
    """
    file = flat_file(file_row)
    rows_df = read_flat_file(spark, lake, file, universe)
    constants = {
        "provider": file.provider,
        "dataset": file.dataset,
        "interval": _INTERVAL_OF[file.dataset],
        "payload_id": file.file_id,
        "asset_class": "stock",
        "calendar": "XNYS",
        "adjustment": "raw",
        "clock": "epoch_ns",
        "kind": "candle",
    }
    columns = {
        **{name: F.lit(value) for name, value in constants.items()},
        "fetched_at": F.lit(file.fetched_at),
        "is_simulated": F.lit(file.is_simulated),
        "symbol": F.col("ticker"),
        "symbol_text": F.col("ticker"),
        "zone_text": F.lit(None).cast("string"),
        "position": F.concat_ws("/", "ticker", "window_start"),
        "timestamp_text": F.col("window_start"),
        **{f"{name}_text": F.col(name) for name in ("open", "high", "low", "close", "volume")},
    }
    return rows_df.select(*(columns[name].alias(name) for name in RAW_BAR_COLUMNS))


@contextmanager
def reading(file: FlatFile) -> Iterator[None]:
    """While it lasts, what the engine raises is a FlatFileError that names the file."""
    try:
        yield
    except PySparkException as error:
        found = " ".join(str(error).split())[:300]
        raise FlatFileError(
            f"{file.key}: wanted a whole gzipped CSV file at {file.path}, found: {found}; "
            "fetch the file again; nothing was taken from it"
        ) from None


def _text(name: str) -> Column:
    return F.when(F.col(name) != "", F.col(name))
