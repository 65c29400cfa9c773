"""Ops: what the lakehouse did and what it waits for, written without an engine.

Runs and gate results are only appended; completeness has one row a key, the newest state.
"""

from pyspark.sql.types import (
    ArrayType,
    DateType,
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

COMPLETENESS = Table(
    layer="ops",
    name="completeness",
    description="Each session that was due, with the newest state of its arrival.",
    schema=StructType(
        [
            column("provider", StringType(), "provider that the session is expected of"),
            column("dataset", StringType(), "dataset, such as daily or trades_v1"),
            column("symbol", StringType(), "symbol; ALL for a file that has all symbols"),
            column("interval", StringType(), "interval of the bars, `none` where there is none"),
            column("trade_dt", DateType(), "session date of the exchange"),
            column("calendar", StringType(), "exchange calendar of the sessions, such as XNYS or 24/7"),
            column("expected_at", TimestampType(), "when it should be published, UTC"),
            column("late_until", TimestampType(), "end of the waiting window, UTC; then it is missing"),
            column("state", StringType(), "on_time, late, missing, healed, backfilled or not_wanted"),
            column("arrived_at", TimestampType(), "when enough of it had come, UTC", is_nullable=True),
            column("bars", LongType(), "bars of the regular session found; null for files", is_nullable=True),
            column("expected_bars", LongType(), "bars of a full session; null for files", is_nullable=True),
            column("late_seen_at", TimestampType(), "when it was first found late, UTC", is_nullable=True),
            column("missing_seen_at", TimestampType(), "when it was first found missing", is_nullable=True),
            column("checked_at", TimestampType(), "when this state was found, UTC"),
            column("run_id", StringType(), "run that found this state", is_lineage=True),
        ]
    ),
    keys=("provider", "dataset", "symbol", "interval", "trade_dt"),
)

TABLES = (RUNS, GATE_RESULTS, COMPLETENESS)
