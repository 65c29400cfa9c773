"""The check at the end of a build: expected sessions against arrived ones, stored in ops.completeness."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from delta_tables.intervals import INTERVAL_MINUTES
from delta_tables.storage.arrow_io import read_rows, upsert_rows
from delta_tables.storage.lake import Lake
from delta_tables.tables.ops import COMPLETENESS
from flows.completeness.arrivals import Arrival, Arrivals, arrivals, known_calendars
from flows.completeness.expected_sessions import (
    ExpectedSeries,
    ExpectedSession,
    SeriesKey,
    SessionKey,
    expected_sessions,
    watched_series,
)
from flows.completeness.session_state import ARRIVED, OPEN, Due, SessionState, session_state
from jobs.runs.run_context import RunContext
from jobs.runs.stage import StageResult, failed_result, recorded_outcome

STAGE = "completeness"
_MAX_CLOSED = timedelta(days=15)  # no exchange stays closed for longer
Row = dict[str, Any]


def check_completeness(ctx: RunContext) -> StageResult:
    """Writes the states that have changed, and records how many are late and missing now.

    An error does not end the run, whose data is fetched and built by then: it is recorded in ops.runs, and
    the next run checks what this one did not.
    """
    try:
        with recorded_outcome(ctx, STAGE, COMPLETENESS.full_name, blocked_by=()) as stage:
            changed, counts = changed_rows(ctx)
            upsert_rows(ctx.lake, COMPLETENESS, changed)
            stage.rows_in, stage.rows_out = sum(counts.values()), len(changed)
            stage.detail = ", ".join(f"{counts[state]} {state}" for state in sorted(OPEN)) or None
    except Exception as error:
        return failed_result(STAGE, COMPLETENESS.full_name, 0.0, error)
    return stage.result


def changed_rows(ctx: RunContext) -> tuple[list[Row], Counter[SessionState]]:
    """The new and changed rows of ops.completeness, and the number of checked sessions by state.

    Checked are the last sessions of every series, and all earlier ones that are still late or missing. The
    state of a session that has arrived never changes again, only its bars.

    Raises:
        LakeError: a table cannot be read.
    """
    now, completeness = ctx.clock(), ctx.settings.completeness
    since = now.date() - 2 * timedelta(days=completeness.lookback_sessions) - _MAX_CLOSED
    watched = watched_series(ctx.settings, now.date(), known_calendars(ctx.lake, since))
    recent = [session for series in watched for session in expected_sessions(series, completeness, now)]
    stored = stored_rows(ctx.lake, recent)
    expected = {session.key: session for session in [*_still_open(stored, watched), *recent]}
    arrived = arrivals(ctx.lake, (session.trade_dt for session in expected.values()))
    awaited = _awaited_since(expected.values(), stored, arrived)
    counts: Counter[SessionState] = Counter()
    rows: list[Row] = []
    for key, session in expected.items():
        before, arrival = stored.get(key), arrived.of(session, completeness.min_bars_pct)
        row = _checked_row(session, before, arrival, now, awaited.get(session.series.key))
        counts[SessionState(row["state"])] += 1
        if row["state"] != SessionState.NOT_EXPECTED_YET and _differs(row, before):
            rows.append(row)
    rows += _dropped_rows(stored, {series.key for series in watched})
    return [{**row, "checked_at": now, "run_id": ctx.run_id} for row in rows], counts


def stored_rows(lake: Lake, recent: Iterable[ExpectedSession]) -> dict[SessionKey, Row]:
    """The rows of ops.completeness of these sessions' dates, and all that are late or missing, by key.

    Raises:
        LakeError: ops.completeness exists and cannot be read.
    """
    first = min((session.trade_dt for session in recent), default=None)
    states = ", ".join(f"'{state}'" for state in sorted(OPEN))
    where = f"state IN ({states})" + (f" OR trade_dt >= date '{first}'" if first else "")
    rows = read_rows(lake, COMPLETENESS, where=where).to_pylist()
    return {_key(row): row for row in rows}


def _key(row: Row) -> SessionKey:
    return row["provider"], row["dataset"], row["symbol"], row["interval"], row["trade_dt"]


def _still_open(stored: Mapping[SessionKey, Row], watched: Iterable[ExpectedSeries]) -> list[ExpectedSession]:
    """The late and missing sessions of series that are still watched, as they were expected then."""
    by_key = {series.key: series for series in watched}
    return [
        ExpectedSession(
            series,
            row["trade_dt"],
            Due(row["expected_at"], row["late_until"]),
            {interval: _same_length(row, interval) for interval in series.accepts},
        )
        for row in stored.values()
        if row["state"] in OPEN and (series := by_key.get(_key(row)[:4]))
    ]


def _same_length(row: Row, interval: str) -> int:
    """How many bars of an interval last as long as the expected bars of the row's own interval."""
    expected = row["expected_bars"] or 1
    return max(1, math.ceil(expected * INTERVAL_MINUTES[row["interval"]] / INTERVAL_MINUTES[interval]))


def _dropped_rows(stored: Mapping[SessionKey, Row], watched: set[SeriesKey]) -> list[Row]:
    """The late and missing sessions of series that the settings no longer name."""
    return [
        {**row, "state": SessionState.NOT_WANTED}
        for key, row in stored.items()
        if row["state"] in OPEN and key[:4] not in watched
    ]


def _awaited_since(
    expected: Iterable[ExpectedSession], stored: Mapping[SessionKey, Row], arrived: Arrivals
) -> dict[SeriesKey, datetime]:
    """Since when each series is awaited: since its first check or its first arrival."""
    since: dict[SeriesKey, datetime] = {}
    instants = [(key[:4], row["checked_at"]) for key, row in stored.items()]
    instants += [(session.series.key, at) for session in expected if (at := arrived.first_at(session))]
    for key, at in instants:
        since[key] = min(at, since.get(key, at))
    return since


def _checked_row(
    expected: ExpectedSession,
    before: Row | None,
    arrival: Arrival,
    now: datetime,
    awaited_since: datetime | None,
) -> Row:
    """The row as it should be. A session that was late or missing before was awaited in any case."""
    if before and before["state"] in ARRIVED:
        return {**before, "bars": arrival.bars}
    was_open = before is not None and before["state"] in OPEN
    state = session_state(expected.due, arrival.at, now, None if was_open else awaited_since)
    seen = before or {"late_seen_at": None, "missing_seen_at": None}
    return {
        **dict(zip(COMPLETENESS.keys, expected.key, strict=True)),
        "calendar": expected.series.calendar,
        **vars(expected.due),
        "state": state,
        "arrived_at": arrival.at,
        "bars": arrival.bars,
        "expected_bars": arrival.expected_bars,
        "late_seen_at": seen["late_seen_at"] or (now if state is SessionState.LATE else None),
        "missing_seen_at": seen["missing_seen_at"] or (now if state is SessionState.MISSING else None),
    }


def _differs(row: Row, before: Row | None) -> bool:
    return before is None or any(row[name] != before[name] for name in ("state", "arrived_at", "bars"))
