"""The check at the end of a build: what is expected against what has come, into ops.completeness."""

import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from delta_tables.intervals import INTERVAL_MINUTES
from delta_tables.storage.arrow_io import read_rows, upsert_rows
from delta_tables.storage.lake import Lake
from delta_tables.tables.ops import COMPLETENESS
from flows.completeness.arrivals import Arrival, Arrivals, arrivals, known_calendars
from flows.completeness.expected_sessions import Expected, Key, Series, expected_sessions, watched_series
from flows.completeness.session_state import ARRIVED, OPEN, Due, State, verdict
from jobs.pipelines.silver_payloads import Built
from jobs.runs.run_context import RunContext
from jobs.runs.run_log import StageResult, record, record_failure

STAGE = "completeness"
_CLOSED_DAYS = timedelta(days=15)  # more than any exchange stays closed in a row
Row = dict[str, Any]


def check_completeness(ctx: RunContext) -> Built:
    """Writes the states that have changed, and records how many are late and missing now.

    It ends no run: what was fetched and built stands whether or not it could be judged. An error is recorded
    in ops.runs, and the next run judges what this one did not.
    """
    began, subject = time.monotonic(), COMPLETENESS.full_name
    try:
        changed, counts = changed_rows(ctx)
        upsert_rows(ctx.lake, COMPLETENESS, changed)
        detail = ", ".join(f"{counts[state]} {state}" for state in sorted(OPEN)) or None
        seconds, judged = time.monotonic() - began, sum(counts.values())
        result = StageResult(STAGE, subject, "done", seconds, judged, len(changed), detail=detail)
        return Built(record(ctx.lake, ctx.run_id, result))
    except Exception as error:
        seconds = time.monotonic() - began
        record_failure(ctx.lake, ctx.run_id, STAGE, subject, seconds, error)
        detail = f"{type(error).__name__}: {error}"[:500]
        return Built(StageResult(STAGE, subject, "failed", seconds, detail=detail))


def changed_rows(ctx: RunContext) -> tuple[list[Row], Counter[State]]:
    """The rows of ops.completeness that are new or other than stored, and all sessions judged by state.

    Judged are the last sessions of every series, and those before that are still late or missing. What has
    arrived has arrived: its state never changes, only the bars that come after.

    Raises:
        LakeError: a table cannot be read.
    """
    now, settings = ctx.clock(), ctx.settings
    since = now.date() - 2 * timedelta(days=settings.completeness.lookback_sessions) - _CLOSED_DAYS
    series = watched_series(settings, now.date(), known_calendars(ctx.lake, since))
    recent = [each for one in series for each in expected_sessions(one, settings.completeness, now)]
    stored = stored_rows(ctx.lake, recent)
    wanted = {each.key: each for each in [*_still_open(stored, series), *recent]}
    come = arrivals(ctx.lake, (each.trade_dt for each in wanted.values()))
    awaited = _awaited_since(wanted.values(), stored, come)
    counts: Counter[State] = Counter()
    rows: list[Row] = []
    for key, expected in wanted.items():
        before = stored.get(key)
        arrival = come.of(expected, settings.completeness.enough_bars_pct)
        row = _judged(expected, before, arrival, now, awaited.get(expected.series.key))
        counts[State(row["state"])] += 1
        if row["state"] != State.NOT_EXPECTED_YET and _is_other(row, before):
            rows.append({**row, "checked_at": now, "run_id": ctx.run_id})
    dropped = _not_wanted(stored, {one.key for one in series})
    return [*rows, *({**row, "checked_at": now, "run_id": ctx.run_id} for row in dropped)], counts


def stored_rows(lake: Lake, recent: Iterable[Expected]) -> dict[Key, Row]:
    """What is known of these sessions, and of all that are late or missing, by key.

    Raises:
        LakeError: ops.completeness is there and cannot be read.
    """
    first = min((each.trade_dt for each in recent), default=None)
    places = ", ".join(f"'{state}'" for state in sorted(OPEN))
    where = f"state IN ({places})" + (f" OR trade_dt >= date '{first}'" if first else "")
    rows = read_rows(lake, COMPLETENESS, where=where).to_pylist()
    return {_key(row): row for row in rows}


def _key(row: Row) -> Key:
    return row["provider"], row["dataset"], row["symbol"], row["interval"], row["trade_dt"]


def _still_open(stored: Mapping[Key, Row], series: Iterable[Series]) -> list[Expected]:
    """What is late or missing of the series that are still wanted, as it was expected then."""
    by_key = {one.key: one for one in series}
    return [
        Expected(
            one,
            row["trade_dt"],
            Due(row["expected_at"], row["late_until"]),
            {interval: _as_many(row, interval) for interval in one.accepts},
        )
        for row in stored.values()
        if row["state"] in OPEN and (one := by_key.get(_key(row)[:4]))
    ]


def _as_many(row: Row, interval: str) -> int:
    """The bars of an interval that last as long as those that the row expects of its own."""
    expected = row["expected_bars"] or 1
    return max(1, math.ceil(expected * INTERVAL_MINUTES[row["interval"]] / INTERVAL_MINUTES[interval]))


def _not_wanted(stored: Mapping[Key, Row], wanted: set[tuple[str, str, str, str]]) -> list[Row]:
    return [
        {**row, "state": State.NOT_WANTED}
        for key, row in stored.items()
        if row["state"] in OPEN and key[:4] not in wanted
    ]


def _awaited_since(
    wanted: Iterable[Expected], stored: Mapping[Key, Row], come: Arrivals
) -> dict[tuple[str, str, str, str], datetime]:
    """Since when each series has been waited for: since it was first judged, or first gave anything."""
    since: dict[tuple[str, str, str, str], datetime] = {}
    instants = [(key[:4], row["checked_at"]) for key, row in stored.items()]
    instants += [(each.series.key, at) for each in wanted if (at := come.first_at(each))]
    for key, at in instants:
        since[key] = min(at, since.get(key, at))
    return since


def _judged(
    expected: Expected, before: Row | None, arrival: Arrival, now: datetime, awaited_since: datetime | None
) -> Row:
    """The row as it should be; one that was found late or missing before was waited for, whatever else."""
    if before and before["state"] in ARRIVED:
        return {**before, "bars": arrival.bars}
    was_open = before is not None and before["state"] in OPEN
    state = verdict(expected.due, arrival.at, now, None if was_open else awaited_since)
    seen = before or {"late_seen_at": None, "missing_seen_at": None}
    names = COMPLETENESS.keys
    return {
        **dict(zip(names, expected.key, strict=True)),
        "calendar": expected.series.calendar,
        **vars(expected.due),
        "state": state,
        "arrived_at": arrival.at,
        "bars": arrival.bars,
        "expected_bars": arrival.expected_bars,
        "late_seen_at": seen["late_seen_at"] or (now if state is State.LATE else None),
        "missing_seen_at": seen["missing_seen_at"] or (now if state is State.MISSING else None),
    }


def _is_other(row: Row, before: Row | None) -> bool:
    return before is None or any(row[name] != before[name] for name in ("state", "arrived_at", "bars"))
