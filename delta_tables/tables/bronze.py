"""Bronze: what was received, append-only, written without an engine."""

from pyspark.sql.types import (
    BinaryType,
    BooleanType,
    DateType,
    IntegerType,
    LongType,
    StringType,
    StructType,
    TimestampType,
)

from delta_tables.table import Table, column

_RECEIVED = [
    column("payload_id", StringType(), "SHA-256 of the body as stored, in hex"),
    column("provider", StringType(), "provider asked, such as alphavantage"),
    column("dataset", StringType(), "dataset asked, such as daily, overview, market_chart or bhavcopy"),
    column("symbol", StringType(), "symbol asked"),
    column("interval", StringType(), "bar interval asked; null where there is none", is_nullable=True),
    column("request", StringType(), "the request, secrets redacted"),
    column("status", IntegerType(), "HTTP status"),
    column("content_type", StringType(), "content type the provider named"),
    column("fetched_at", TimestampType(), "when the body had been received, UTC"),
    column("is_simulated", BooleanType(), "true where the provider said that it drew the values"),
    column("body", BinaryType(), "the body, byte for byte, secrets redacted"),
    column("run_id", StringType(), "run that landed the row", is_lineage=True),
]

RAW_PAYLOADS = Table(
    layer="bronze",
    name="raw_payloads",
    description="Every answer that is data, byte for byte as received.",
    schema=StructType(_RECEIVED),
    keys=("payload_id", "provider", "dataset", "symbol", "fetched_at"),
)

# What became of a query after a dead letter; a row of before there was the column says nothing: given up.
GIVEN_UP, ASKED_AGAIN = "given_up", "asked_again"
ENDED = f"coalesce(outcome, '{GIVEN_UP}') = '{GIVEN_UP}'"

DEAD_LETTERS = Table(
    layer="bronze",
    name="dead_letters",
    description="Every attempt that gave no data, whatever its HTTP status, with its class and its outcome.",
    schema=StructType(
        [
            *_RECEIVED,
            column("error_class", StringType(), "too_fast, quota_exhausted, not_entitled, bad_symbol, ..."),
            column("error", StringType(), "what was wanted, found, and what to do"),
            column("attempt", IntegerType(), "number of the attempt, 1 the first", is_nullable=True),
            column(
                "outcome",
                StringType(),
                "given_up: the query ended so (null means that, too); asked_again: another attempt followed",
                is_nullable=True,
            ),
        ]
    ),
    keys=("payload_id", "provider", "dataset", "symbol", "fetched_at"),
)

RAW_FILES = Table(
    layer="bronze",
    name="raw_files",
    description="Every version of every flat file received; the bytes lie verbatim in the landing area.",
    schema=StructType(
        [
            column("file_id", StringType(), "SHA-256 of the file's bytes, in hex"),
            column("provider", StringType(), "provider of the file, such as massive"),
            column("dataset", StringType(), "trades_v1, quotes_v1, minute_aggs_v1 or day_aggs_v1"),
            column("file_dt", DateType(), "session date that the file is of"),
            column("key", StringType(), "the file's key in the provider's store"),
            column("etag", StringType(), "ETag that the provider's store gave"),
            column("size_bytes", LongType(), "size in bytes"),
            column("path", StringType(), "where it lies, relative to the lake's root"),
            column("fetched_at", TimestampType(), "when the last byte had been received, UTC"),
            column("is_simulated", BooleanType(), "true where the provider said that it drew the values"),
            column("run_id", StringType(), "run that landed the file", is_lineage=True),
        ]
    ),
    # with fetched_at: a version that is published back has the id that it had before
    keys=("file_id", "provider", "dataset", "file_dt", "fetched_at"),
)

TABLES = (RAW_PAYLOADS, RAW_FILES, DEAD_LETTERS)
