"""Bronze: payloads and files as received, append-only, written without an engine."""

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
    column("provider", StringType(), "provider of the payload, such as alphavantage"),
    column("dataset", StringType(), "requested dataset, such as daily, overview, market_chart or bhavcopy"),
    column("symbol", StringType(), "requested symbol"),
    column("interval", StringType(), "requested bar interval; null if there is none", is_nullable=True),
    column("request", StringType(), "the request, with secrets redacted"),
    column("status", IntegerType(), "HTTP status"),
    column("content_type", StringType(), "content type stated by the provider"),
    column("fetched_at", TimestampType(), "when the body was completely received, UTC"),
    column("is_simulated", BooleanType(), "true if the provider stated that the values are simulated"),
    column("body", BinaryType(), "the body, byte for byte, with secrets redacted"),
    column("run_id", StringType(), "run that appended the row", is_lineage=True),
]

# What an equal body has in common with the row that body_fetched_at names.
BODY_KEY = ("payload_id", "provider", "dataset", "symbol")

RAW_PAYLOADS = Table(
    layer="bronze",
    name="raw_payloads",
    description="Every response with data, byte for byte as received.",
    schema=StructType(
        [
            *_RECEIVED,
            column(
                "body_fetched_at",
                TimestampType(),
                "fetched_at of the row with the same payload_id, provider, dataset and symbol that has the "
                "body, if this row repeats it (its own body is then empty); null if this row has it",
                is_nullable=True,
            ),
        ]
    ),
    keys=(*BODY_KEY, "fetched_at"),
)

# What followed a failed attempt; rows older than the column have null, which means abandoned.
ABANDONED, RETRIED = "given_up", "asked_again"
ENDED = f"coalesce(outcome, '{ABANDONED}') = '{ABANDONED}'"

DEAD_LETTERS = Table(
    layer="bronze",
    name="dead_letters",
    description="Every attempt without data, whatever its HTTP status, with its error class and outcome.",
    schema=StructType(
        [
            *_RECEIVED,
            column("error_class", StringType(), "too_fast, quota_exhausted, not_entitled, bad_symbol, ..."),
            column("error", StringType(), "what was expected, what was found and what to do"),
            column("attempt", IntegerType(), "number of the attempt, from 1", is_nullable=True),
            column(
                "outcome",
                StringType(),
                "given_up (or null): it was the last attempt; asked_again: another attempt followed",
                is_nullable=True,
            ),
        ]
    ),
    keys=("payload_id", "provider", "dataset", "symbol", "fetched_at"),
)

RAW_FILES = Table(
    layer="bronze",
    name="raw_files",
    description="Every version of every flat file received; the landing zone has the bytes, verbatim.",
    schema=StructType(
        [
            column("file_id", StringType(), "SHA-256 of the file's bytes, in hex"),
            column("provider", StringType(), "provider of the file, such as massive"),
            column("dataset", StringType(), "trades_v1, quotes_v1, minute_aggs_v1 or day_aggs_v1"),
            column("file_dt", DateType(), "session date of the file"),
            column("key", StringType(), "the file's key in the provider's store"),
            column("etag", StringType(), "ETag in the provider's store"),
            column("size_bytes", LongType(), "size in bytes"),
            column("path", StringType(), "path of the file, relative to the lake's root"),
            column("fetched_at", TimestampType(), "when the last byte was received, UTC"),
            column(
                "is_simulated", BooleanType(), "true if the provider stated that the values are simulated"
            ),
            column("run_id", StringType(), "run that stored the file", is_lineage=True),
        ]
    ),
    # fetched_at is part of the key: a version that is published again has the same file_id
    keys=("file_id", "provider", "dataset", "file_dt", "fetched_at"),
)

TABLES = (RAW_PAYLOADS, RAW_FILES, DEAD_LETTERS)
