"""Computed sessions, kept in the user's cache folder for a day: computing them takes over a second.

A cache that is missing, damaged or cannot be written costs that second and nothing else.
"""

import json
import os
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, date, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from platformdirs import user_cache_path

from jobs.market_calendar.session import Session

_INSTANTS = ("pre_open_at", "open_at", "close_at", "post_close_at", "day_end_at")


def cached_sessions(
    calendar: str, computed_from: bytes, compute: Callable[[], tuple[Session, ...]]
) -> tuple[Session, ...]:
    """The calendar's sessions from the cache, else from `compute`, which fills the cache.

    An entry is of one day, one version of exchange_calendars, and one content of what computes it:
    `computed_from`, the bytes of the overrides file and of the code.
    """
    key = _key(computed_from)
    path = user_cache_path("market-lakehouse") / "sessions" / f"{calendar.replace('/', '-')}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        stored = json.loads(path.read_bytes())
        if stored["key"] == key:
            return tuple(_session(calendar, row) for row in stored["sessions"])
    computed = compute()
    with suppress(OSError):
        _write(path, key, computed)
    return computed


def _key(computed_from: bytes) -> str:
    packages = f"{version('exchange_calendars')} {version('pandas')}"
    return f"{date.today()} {packages} {sha256(computed_from).hexdigest()}"  # noqa: DTZ011 - any day's change will do


def _write(path: Path, key: str, computed: Iterable[Session]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    written = path.with_suffix(f".{secrets.token_hex(4)}.tmp")
    rows = [_row(session) for session in computed]
    written.write_text(json.dumps({"key": key, "sessions": rows}), encoding="utf-8")
    os.replace(written, path)


def _row(session: Session) -> list[object]:
    instants = [int(getattr(session, name).timestamp()) for name in _INSTANTS]
    return [session.trade_dt.isoformat(), session.session_no, *instants, session.is_half_day]


def _session(calendar: str, row: list[object]) -> Session:
    day, number, *instants, is_half_day = row
    pre_open, opened, closed, post_close, day_end = (
        datetime.fromtimestamp(int(str(instant)), UTC) for instant in instants
    )
    return Session(
        calendar,
        date.fromisoformat(str(day)),
        int(str(number)),
        pre_open,
        opened,
        closed,
        post_close,
        day_end,
        bool(is_half_day),
    )
