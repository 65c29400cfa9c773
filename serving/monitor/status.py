"""The lakehouse's status: table sizes, freshness, last runs, failed checks, quarantine, dead letters."""

from dataclasses import dataclass

from deltalake.exceptions import TableNotFoundError

from delta_tables.storage.arrow_stream import arrow_table
from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.table import Table
from delta_tables.tables.bronze import DEAD_LETTERS, ENDED
from delta_tables.tables.catalogue import ALL_TABLES
from delta_tables.tables.ops import GATE_RESULTS, RUNS
from delta_tables.tables.silver import BARS, ENGINE_ERROR, QUARANTINE
from serving.monitor.completeness import absent_sessions, arrival_counts
from serving.query.selected_rows import Records, select

_RECENT = 20


@dataclass(frozen=True)
class TableSize:
    """A table's row count and version; both are None if it has not been created."""

    name: str
    rows: int | None
    version: int | None


@dataclass(frozen=True)
class Status:
    """The state of a lake.

    `stages`: the last record of each stage and subject in ops.runs; status `started` means not finished.
    `failed_checks`: the latest checks in ops.gate_results that blocked a batch. `quarantine`, `dead_letters`:
    counts by failed rule and by error class; `engine_failures`: the payloads that an engine could not read.
    `freshness`: the latest bar's start and when it was received, UTC, by interval and asset class.
    `arrivals`: sessions on time, late, missing and healed, by dataset; `absent`: the sessions that are
    missing or late.
    """

    tables: tuple[TableSize, ...]
    stages: Records
    failed_checks: Records
    quarantine: Records
    engine_failures: Records
    dead_letters: Records
    freshness: Records
    arrivals: Records
    absent: Records


def status(lake: Lake) -> Status:
    """The lake's state, read from Delta logs and small tables without an engine session.

    Raises:
        LakeError: the lake has no tables, or a table cannot be read.
    """
    sizes = tuple(_size(lake, table) for table in ALL_TABLES)
    if all(size.rows is None for size in sizes):
        raise LakeError(f"no lake at {lake.root}: it has no tables; fill it with `lakehouse run`")
    return Status(
        tables=sizes,
        stages=last_stages(lake),
        failed_checks=failed_checks(lake),
        quarantine=quarantine_counts(lake),
        engine_failures=engine_failures(lake),
        dead_letters=dead_letter_counts(lake),
        freshness=_freshness(lake),
        arrivals=arrival_counts(lake),
        absent=absent_sessions(lake),
    )


def last_stages(lake: Lake) -> Records:
    """The last record of each stage and subject, newest first.

    A start is included, as unfinished, if the same run recorded nothing later for that stage.
    """
    return select(
        lake,
        RUNS,
        "SELECT stage, subject, status, at, seconds, rows_in, rows_out, rows_bad, run_id, detail FROM ("
        "SELECT *, row_number() OVER (PARTITION BY stage, subject ORDER BY at DESC, run_id DESC) AS choice "
        "FROM (SELECT *, max(CASE WHEN status <> 'started' THEN at END) OVER (PARTITION BY run_id, stage) "
        "AS ended_at FROM stored) WHERE status <> 'started' OR ended_at IS NULL OR ended_at < at"
        ") WHERE choice = 1 ORDER BY at DESC",
    )


def failed_checks(lake: Lake) -> Records:
    """The latest checks that blocked a batch, newest first."""
    return select(
        lake,
        GATE_RESULTS,
        'SELECT at, dataset, "check", outcome, value, row_count, run_id FROM stored '  # noqa: S608 - a number
        f"WHERE outcome NOT IN ('pass', 'warn') ORDER BY at DESC, dataset, \"check\" LIMIT {_RECENT}",
    )


def quarantine_counts(lake: Lake) -> Records:
    """Quarantined rows by failed rule: reason, rows, symbols, is_simulated.

    A row that fails two rules counts under both.
    """
    return select(
        lake,
        QUARANTINE,
        "SELECT reason, count(*) AS rows, count(DISTINCT symbol) AS symbols, "
        "bool_or(is_simulated) AS is_simulated FROM "
        "(SELECT unnest(reasons) AS reason, symbol, is_simulated FROM stored) "
        "GROUP BY reason ORDER BY rows DESC, reason",
    )


def engine_failures(lake: Lake) -> Records:
    """Payloads on which an engine failed: payload_id, provider, dataset, symbol, error; sorted by symbol."""
    return select(
        lake,
        QUARANTINE,
        "SELECT payload_id, provider, dataset, symbol, max(raw_values) AS error FROM stored "  # noqa: S608 - our word
        f"WHERE array_has(reasons, '{ENGINE_ERROR}') GROUP BY 1, 2, 3, 4 "
        "ORDER BY symbol, provider, dataset, payload_id",
    )


def dead_letter_counts(lake: Lake) -> Records:
    """Dead letters by error_class: responses (final), retried (a retry followed), symbols, last_at."""
    return select(
        lake,
        DEAD_LETTERS,
        f"SELECT error_class, count(*) FILTER (WHERE {ENDED}) AS responses, "  # noqa: S608 - our names
        f"count(*) FILTER (WHERE NOT {ENDED}) AS retried, count(DISTINCT symbol) AS symbols, "
        "max(fetched_at) AS last_at FROM stored GROUP BY error_class ORDER BY responses DESC, error_class",
    )


def _freshness(lake: Lake) -> Records:
    return select(
        lake,
        BARS,
        'SELECT "interval", asset_class, max("timestamp") AS latest_bar, max(known_from) AS received_at, '
        "count(DISTINCT symbol) AS symbols, bool_or(is_simulated) AS is_simulated FROM stored "
        'WHERE known_to IS NULL GROUP BY "interval", asset_class ORDER BY asset_class, "interval"',
    )


def _size(lake: Lake, table: Table) -> TableSize:
    try:
        stored = open_table(lake, table)
    except TableNotFoundError:
        return TableSize(table.full_name, None, None)
    files = arrow_table(stored.get_add_actions())
    rows = sum(files["num_records"].to_pylist()) if files.num_rows else 0
    return TableSize(table.full_name, int(rows), stored.version())
