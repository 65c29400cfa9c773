"""Sessions from the cache are the sessions that are computed; a cache that cannot be used costs time only."""

from pathlib import Path

import pytest

from jobs.market_calendar import session_cache
from jobs.market_calendar.session import Session
from jobs.market_calendar.session_cache import cached_sessions
from jobs.market_calendar.sessions import CRYPTO, STOCKS_US, calendar_sessions

OVERRIDES = b"[]"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(session_cache, "user_cache_path", lambda _name: tmp_path / "cache")
    return tmp_path / "cache"


def refuse() -> tuple[Session, ...]:
    raise AssertionError("computed again")


@pytest.mark.parametrize("calendar", [STOCKS_US, CRYPTO, "XBOM"])
def test_cached_sessions_equal_computed_ones(cache: Path, calendar: str) -> None:
    computed = calendar_sessions(calendar)
    assert cached_sessions(calendar, OVERRIDES, lambda: computed) == computed
    assert cached_sessions(calendar, OVERRIDES, refuse) == computed
    assert len(list(cache.rglob("*.json"))) == 1


@pytest.mark.usefixtures("cache")
def test_other_overrides_are_computed_again() -> None:
    first, second = calendar_sessions(CRYPTO)[:2], calendar_sessions(CRYPTO)[:3]
    assert cached_sessions(CRYPTO, OVERRIDES, lambda: first) == first
    assert cached_sessions(CRYPTO, b"[changed]", lambda: second) == second


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"key": 1}', b"\xff\xfe"])
def test_a_damaged_cache_is_replaced(cache: Path, damage: bytes) -> None:
    sessions = calendar_sessions(CRYPTO)[:5]
    cached_sessions(CRYPTO, OVERRIDES, lambda: sessions)
    (file,) = cache.rglob("*.json")
    file.write_bytes(damage)
    assert cached_sessions(CRYPTO, OVERRIDES, lambda: sessions) == sessions
    assert cached_sessions(CRYPTO, OVERRIDES, refuse) == sessions


def test_a_cache_folder_that_cannot_be_made_is_no_error(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    sessions = calendar_sessions(CRYPTO)[:5]
    assert cached_sessions(CRYPTO, OVERRIDES, lambda: sessions) == sessions
