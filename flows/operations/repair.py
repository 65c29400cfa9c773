"""Repairs a lake: damaged tables are set aside, and built again from what Bronze holds."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from config.secrets import Secrets
from config.settings import Settings
from delta_tables.storage.lake import lake_of
from delta_tables.table import Table
from flows.operations.build import build
from flows.operations.replay import replay
from flows.operations.run_summary import RunSummary
from jobs.pipelines.repair import (
    RepairedTable,
    irreparable_tables,
    needs_replay,
    repair_tables,
    tables_to_repair,
)
from jobs.pipelines.replay.scope import ReplayScope
from jobs.pipelines.scrub import scrub
from jobs.pipelines.writer_session import sole_writer
from jobs.runs.clock import utc_now
from jobs.runs.run_context import RunContext, new_run_context, new_run_id


@dataclass(frozen=True)
class Repair:
    """What was repaired, what only a backup can bring back, and the run that built the tables again.

    `summary` is None if there was nothing to repair.
    """

    repaired: tuple[RepairedTable, ...]
    irreparable: tuple[Table, ...]
    seconds: float
    summary: RunSummary | None = None


def repair(settings: Settings, secrets: Secrets, names: Sequence[str] = ()) -> Repair:
    """Repairs the tables of these names, or without names all that are damaged.

    Silver and Gold are built again from Bronze. Bronze and Ops keep the rows of every sound file, those of
    lost commits included; if a data file of theirs is damaged, they are repaired only by name, since rows
    are left out then. What was set aside stays in `_damaged`.

    Raises:
        PlanError: a name that no table has.
        BuildBlocked: a gate refused a batch; everything else was built.
        LakeError: another run is building the lake, a table cannot be moved, or the store does not answer.
    """
    began = time.monotonic()
    lake = lake_of(settings, secrets)
    unchecked = RunContext(settings, secrets, lake, utc_now, new_run_id())
    with sole_writer(unchecked) as writer:
        found = scrub(lake)
        tables = tables_to_repair(found, names)
        repaired = repair_tables(writer, tables) if tables else []
    irreparable = tuple(sorted(irreparable_tables(found) - set(tables), key=lambda table: table.full_name))
    if not repaired:
        return Repair((), irreparable, time.monotonic() - began)
    ctx = new_run_context(settings, secrets)
    summary = replay(ctx, ReplayScope()) if needs_replay(tables) else build(ctx)
    return Repair(tuple(repaired), irreparable, time.monotonic() - began, summary)
