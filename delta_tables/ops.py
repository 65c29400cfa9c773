"""Ops: what the lakehouse did, append-only, written without an engine."""

from pyspark.sql.types import (
    ArrayType,
    DoubleType,
    LongType,
    StringType,
    StructType,
    TimestampType,
)

from delta_tables.table import Table, column

RUNS = Table(
    layer="ops",
    name="runs",
    description="Each stage of each run, when it started and how it ended.",
    schema=StructType(
        [
            column("run_id", StringType(), "run; sorts by its start"),
            column("stage", StringType(), "ingest, silver or gold"),
            column("subject", StringType(), "table or dataset the stage worked on"),
            column("status", StringType(), "started, done, done_with_failures, blocked or failed"),
            column("at", TimestampType(), "when this was recorded, UTC"),
            column("seconds", DoubleType(), "how long the stage took", is_nullable=True),
            column("rows_in", LongType(), "rows or payloads read", is_nullable=True),
            column("rows_out", LongType(), "rows written", is_nullable=True),
            column("rows_bad", LongType(), "rows or requests set aside", is_nullable=True),
            column("bronze_version", LongType(), "bronze.raw_payloads is built up to here", is_nullable=True),
            column("consumed_runs", ArrayType(StringType()), "runs whose Silver rows this Gold run took in"),
            column("detail", StringType(), "what a person should know", is_nullable=True),
            column("table_ids", StringType(), "Delta ids of the tables worked on", is_nullable=True),
        ]
    ),
    keys=("run_id", "stage", "subject", "status"),
)

GATE_RESULTS = Table(
    layer="ops",
    name="gate_results",
    description="Each check of each gate that a batch went through.",
    schema=StructType(
        [
            column("run_id", StringType(), "run whose batch was judged"),
            column("dataset", StringType(), "dataset judged, such as silver_bars"),
            column("check", StringType(), "the check; `gate` for a failure of the gate itself"),
            column("outcome", StringType(), "pass, warn, fail, not_evaluated or error"),
            column("value", StringType(), "what was measured", is_nullable=True),
            column("row_count", LongType(), "rows of the batch"),
            column("at", TimestampType(), "when the batch was judged, UTC"),
        ]
    ),
    keys=("run_id", "dataset", "check"),
)

TABLES = (RUNS, GATE_RESULTS)
