"""Flat files of the landing zone as raw string columns, by header name. Nothing is validated or converted.

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

from config.plain_links import with_own_paths
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
INTERVAL_OF = {MINUTE_BARS: "1min", DAY_BARS: "1day"}


class FlatFileError(Exception):
    """A flat file cannot be read; the message names the file, what is wrong and what to do."""


@dataclass(frozen=True)
class FlatFile:
    """One version of a flat file: a row of bronze.raw_files. `path` is relative to the lake's root.

    `size_bytes` is the size of the gzipped file.
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


Universe = frozenset[str] | None  # the symbols to read from a file; None: all


def flat_file_of_row(row: Mapping[str, Any]) -> FlatFile:
    """The file described by a row of bronze.raw_files."""
    return FlatFile(**{name: row[name] for name in FlatFile.__dataclass_fields__})


def read_flat_file(spark: SparkSession, lake: Lake, file: FlatFile, universe: Universe) -> DataFrame:
    """The file's rows of the universe: the columns of COLUMNS_OF[dataset], all strings, null if empty.

    A row without a ticker is never filtered out, so that it can be quarantined; its ticker is "". A line with
    too many or too few fields makes both engines raise when the rows are computed: see `reading`.

    Raises:
        FlatFileError: a column is missing, or the file cannot be opened.
    """
    names = COLUMNS_OF[file.dataset]
    with reading(file):
        reader = spark.read.option("header", "true").option("inferSchema", "false")
        file_df = reader.option("mode", "FAILFAST").csv(lake.engine_path(file.path))
        found = file_df.columns  # each access is a request to the engine
        missing = [name for name in names if name not in found]
    if missing:
        raise FlatFileError(
            f"{file.key}: the header must have the columns {list(names)}, but it has {found}; {missing} are "
            "missing. Nothing was read from the file. Check what the provider changed."
        )
    ticker = F.coalesce(F.col("ticker"), F.lit(""))
    rows_df = file_df.select(
        ticker.alias("ticker"), *(_null_if_empty(name).alias(name) for name in names if name != "ticker")
    )
    return rows_df if universe is None else rows_df.filter(F.col("ticker").isin("", *sorted(universe)))


def read_bar_file(spark: SparkSession, lake: Lake, file: FlatFile, universe: Universe) -> DataFrame:
    """One row per bar with RAW_BAR_COLUMNS, from a file of minute_aggs_v1 or day_aggs_v1.

    The bars are not adjusted; timestamp_text is the start of the bar in nanoseconds (UTC); payload_id is the
    file's id, position is ticker/window_start.

    Raises:
        FlatFileError: a column is missing, or the file cannot be opened.
    """
    rows_df = read_flat_file(spark, lake, file, universe)
    constants = {
        "provider": file.provider,
        "dataset": file.dataset,
        "interval": INTERVAL_OF[file.dataset],
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
    """A context in which an exception of the engine becomes a FlatFileError that names the file."""
    try:
        yield
    except PySparkException as error:
        found = " ".join(with_own_paths(str(error)).split())[:300]
        raise FlatFileError(
            f"{file.key}: {file.path} must be a complete gzipped CSV file, but the engine reports: {found}. "
            "Nothing was read from the file. Fetch it again."
        ) from None


def _null_if_empty(name: str) -> Column:
    return F.when(F.col(name) != "", F.col(name))
