"""Which versions of the landed flat files have to be built into a table, and in which order."""

import hashlib
from datetime import UTC

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.lake import Lake
from delta_tables.storage.landing_zone import present_files
from delta_tables.table import Table
from delta_tables.tables.bronze import RAW_FILES
from delta_tables.tables.ops import RUNS
from jobs.parsing.flat_files import FlatFile, Universe, flat_file_of_row
from jobs.runs.run_context import RunContext
from jobs.runs.run_log import SILVER, table_ids


def universe_of(ctx: RunContext) -> Universe:
    """The symbols that are taken out of a file: the watch list's stocks; None for all."""
    settings = ctx.settings
    return None if settings.providers.massive.universe == "all" else frozenset(settings.watch_list.stocks)


def build_marker(file: FlatFile, universe: Universe) -> str:
    """The marker of a built file in the run log: its version, when it was received, for which universe."""
    symbols = (
        "all" if universe is None else hashlib.sha256("\n".join(sorted(universe)).encode()).hexdigest()[:8]
    )
    return f"{file.file_id} {file.fetched_at.astimezone(UTC).isoformat()} {symbols}"


def pending_files(lake: Lake, dataset: str, table: Table, universe: Universe) -> list[FlatFile]:
    """The versions of the dataset's files not built into `table` for this universe, in order of knowledge.

    If a version arrives late, the later ones of its day are built once more, so that the history is as if it
    had arrived in time. A file built for another universe whose bytes are no longer kept is skipped: nothing
    can be added from it.
    """
    rows = read_rows(lake, RAW_FILES, where=f"dataset = '{dataset}'").to_pylist()
    files = sorted(
        (flat_file_of_row(row) for row in rows),
        key=lambda file: (file.file_dt, file.fetched_at, file.file_id),
    )
    if not files:
        return []
    done = _built_markers(lake, table)
    ever = {mark.rsplit(" ", 1)[0] for mark in done}
    pending: list[FlatFile] = []
    for file in files:
        is_new = build_marker(file, universe) not in done
        follows = bool(pending) and pending[-1].file_dt == file.file_dt
        was_built = build_marker(file, universe).rsplit(" ", 1)[0] in ever
        if (is_new or follows) and not (was_built and not _is_kept(lake, file)):
            pending.append(file)
    return pending


def _built_markers(lake: Lake, table: Table) -> set[str]:
    where = f"stage = '{SILVER}' AND subject = '{table.full_name}' AND status = 'done'"
    ids = table_ids(lake, table)
    found = read_rows(lake, RUNS, ["detail"], f"{where} AND table_ids = '{ids}' AND detail IS NOT NULL")
    return set(found["detail"].to_pylist())


def _is_kept(lake: Lake, file: FlatFile) -> bool:
    return bool(present_files(lake, [file.path]))
