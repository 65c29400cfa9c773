"""Ops: records of runs, gates and completeness, written without an engine.

Runs and gate results are append-only; completeness has one row per key, the newest state.
"""

from pyspark.sql.types import (
    ArrayType,
    DateType,
    DoubleType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from delta_tables.table import Table, column

_TABLE_VERSION = StructType(
    [
        StructField("table", StringType()),
        StructField("table_id", StringType()),
        StructField("version", LongType()),
    ]
)

RUNS = Table(
    layer="ops",
    name="runs",
    description="One row per event of a stage of a run: its start, its end.",
    schema=StructType(
        [
            column("run_id", StringType(), "id of the run; sorts by start time"),
            column("stage", StringType(), "ingest, silver or gold"),
            column("subject", StringType(), "table or dataset of the stage"),
            column("status", StringType(), "started, done, done_with_failures, blocked or failed"),
            column("at", TimestampType(), "when the row was written, UTC"),
            column("seconds", DoubleType(), "duration of the stage", is_nullable=True),
            column("rows_in", LongType(), "rows or payloads read", is_nullable=True),
            column("rows_out", LongType(), "rows written", is_nullable=True),
            column("rows_bad", LongType(), "invalid rows quarantined, or failed requests", is_nullable=True),
            column(
                "bronze_version", LongType(), "version of bronze.raw_payloads that is built", is_nullable=True
            ),
            column(
                "consumed_runs", ArrayType(StringType()), "runs whose Silver rows this Gold run processed"
            ),
            column("detail", StringType(), "further details for a person", is_nullable=True),
            column("table_ids", StringType(), "Delta ids of the tables of the stage", is_nullable=True),
            column(
                "table_versions",
                ArrayType(_TABLE_VERSION),
                "name, Delta id and version of each table that the run had written since its row before",
                is_nullable=True,
            ),
        ]
    ),
    keys=("run_id", "stage", "subject", "status"),
)

GATE_RESULTS = Table(
    layer="ops",
    name="gate_results",
    description="One row per check of a quality gate on a batch.",
    schema=StructType(
        [
            column("run_id", StringType(), "run of the batch"),
            column("dataset", StringType(), "checked dataset, such as silver_bars"),
            column("check", StringType(), "name of the check; `gate` for a failure of the gate itself"),
            column("outcome", StringType(), "pass, warn, fail, not_evaluated or error"),
            column("value", StringType(), "measured value", is_nullable=True),
            column("row_count", LongType(), "number of rows of the batch"),
            column("at", TimestampType(), "when the result was recorded, UTC"),
        ]
    ),
    keys=("run_id", "dataset", "check"),
)

COMPLETENESS = Table(
    layer="ops",
    name="completeness",
    description="One row per session that was due, with the newest state of its data.",
    schema=StructType(
        [
            column("provider", StringType(), "provider that is expected to publish the session"),
            column("dataset", StringType(), "dataset, such as daily or trades_v1"),
            column("symbol", StringType(), "symbol; ALL for a file with all symbols"),
            column("interval", StringType(), "interval of the bars; `none` if there is none"),
            column("trade_dt", DateType(), "session date of the exchange"),
            column("calendar", StringType(), "exchange calendar of the sessions, such as XNYS or 24/7"),
            column("expected_at", TimestampType(), "when the data should be published, UTC"),
            column("late_until", TimestampType(), "end of the waiting window, UTC; after that it is missing"),
            column("state", StringType(), "on_time, late, missing, healed, backfilled or not_wanted"),
            column("arrived_at", TimestampType(), "when enough of it had arrived, UTC", is_nullable=True),
            column(
                "bars",
                LongType(),
                "number of bars found in the regular session; null for files",
                is_nullable=True,
            ),
            column(
                "expected_bars",
                LongType(),
                "number of bars of a full session; null for files",
                is_nullable=True,
            ),
            column("late_seen_at", TimestampType(), "when it was first found late, UTC", is_nullable=True),
            column(
                "missing_seen_at", TimestampType(), "when it was first found missing, UTC", is_nullable=True
            ),
            column("checked_at", TimestampType(), "when this state was determined, UTC"),
            column("run_id", StringType(), "run that determined this state", is_lineage=True),
        ]
    ),
    keys=("provider", "dataset", "symbol", "interval", "trade_dt"),
)

TABLES = (RUNS, GATE_RESULTS, COMPLETENESS)
