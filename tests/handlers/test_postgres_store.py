"""The call store that all workers share, on a real PostgreSQL server of the test."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import RateLimit
from flows.handlers.rate_limit.call_store import CallStoreTable, SharedCallStore, call_store_for
from flows.handlers.rate_limit.limiter import RateLimiter
from tests.servers.postgres import PASSWORD, postgres_server

psycopg = pytest.importorskip("psycopg", reason="the extra [postgres] is not installed")

from flows.handlers.rate_limit.postgres_store import open_postgres_store  # noqa: E402 - needs what is looked for above

ROOT = Path(__file__).resolve().parents[2]
DAY = RateLimit(5, 86_400.0)
pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres_server() as url:
        yield url


def limiter(url: str, key: str, *limits: RateLimit) -> RateLimiter:
    return RateLimiter.for_key(SharedCallStore(url), "alphavantage", key, limits or (DAY,))


def test_a_restart_does_not_reset_the_limits_and_the_rest_is_listed(server: str) -> None:
    began = time.monotonic()
    for left in range(5, 0, -1):
        opened = limiter(server, "restarted")
        assert [each.calls for each in opened.remaining()] == [left]
        opened.acquire("alphavantage")
        opened.close()
    with pytest.raises(ProviderError) as raised:
        limiter(server, "restarted").acquire("alphavantage")
    assert raised.value.error_class is ErrorClass.quota_exhausted
    passed = time.monotonic() - began
    assert raised.value.retry_after_seconds is not None
    assert 86_399.5 - passed < raised.value.retry_after_seconds < 86_400.5


def test_keys_are_counted_separately_and_named_by_a_fingerprint(server: str, canary: str) -> None:
    limiter(server, canary).acquire("alphavantage")
    assert [each.calls for each in limiter(server, "another").remaining()] == [5]
    with psycopg.connect(server) as connection:
        tables = [name for (name,) in connection.execute("SELECT tablename FROM pg_tables").fetchall()]
    assert any(name.startswith("ratelimit___alphavantage_") for name in tables)
    assert not any(canary.lower() in name for name in tables)


def test_short_pauses_follow_the_servers_clock(server: str) -> None:
    opened = limiter(server, "waiting", RateLimit(2, 0.3))
    began = time.monotonic()
    for _ in range(5):
        opened.acquire("alphavantage")
    assert time.monotonic() - began >= 0.6


RACER = """
import sys
from flows.handlers.errors import ProviderError
from flows.handlers.rate_limit.call_store import SharedCallStore
from flows.handlers.rate_limit.limiter import RateLimiter
from flows.handlers.models import RateLimit
from tests.servers.postgres import PASSWORD, postgres_server
limiter = RateLimiter.for_key(SharedCallStore(sys.argv[1]), "p", "raced", [RateLimit(40, 86400)])
print("ready", flush=True)
sys.stdin.readline()
try:
    while True:
        limiter.acquire("p")
        print("passed", flush=True)
except ProviderError as error:
    print(error.error_class, flush=True)
"""


def test_workers_of_other_time_zones_share_a_day_to_the_last_call_even_if_one_is_killed(server: str) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, server],
            cwd=ROOT,
            env={**os.environ, "PGTZ": zone, "TZ": zone},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for zone in ("UTC", "America/New_York", "Asia/Tokyo")
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    assert racers[0].stdout is not None
    early = racers[0].stdout.readline()
    racers[0].kill()
    outputs = [early, *(racer.communicate(timeout=300)[0] for racer in racers)]
    passed = sum(output.count("passed") for output in outputs)
    # A call of the killed one may have been counted without having been told.
    assert passed in {39, 40}
    assert outputs[2].endswith("quota_exhausted\n")
    assert outputs[3].endswith("quota_exhausted\n")


def test_no_call_is_recorded_while_another_worker_holds_the_lock(server: str) -> None:
    table = call_store_for(SharedCallStore(server), "alphavantage", "held")
    assert isinstance(table, CallStoreTable)
    other, opened = open_postgres_store(table, [DAY]), limiter(server, "held")
    asking = threading.Thread(target=opened.acquire, args=("alphavantage",))
    with other.locked():
        asking.start()
        asking.join(timeout=0.3)
        assert asking.is_alive()
    asking.join(timeout=60)
    assert not asking.is_alive()


def test_a_lost_connection_is_an_error_with_a_remedy_and_the_next_call_reconnects(
    server: str,
) -> None:
    opened = limiter(server, "cut")
    opened.acquire("alphavantage")
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND usename = 'ledger'"
        )
    with pytest.raises(ProviderError, match="start the database") as raised:
        opened.acquire("alphavantage")
    assert raised.value.error_class is ErrorClass.unavailable
    opened.acquire("alphavantage")
    assert [each.calls for each in opened.remaining()] == [3]


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://ledger:{PASSWORD}@127.0.0.1:9/postgres",
        f"postgresql://ledger:{PASSWORD}%zz@127.0.0.1:9/postgres",
        f"password={PASSWORD} nonsense",
    ],
    ids=["nobody listens", "a broken escape", "no URL"],
)
def test_an_unusable_database_is_named_without_its_password(url: str) -> None:
    with pytest.raises(ProviderError, match="LEDGER_DATABASE_URL") as raised:
        limiter(url, "any")
    assert PASSWORD not in str(raised.value)


def test_a_wrong_password_is_reported_but_not_shown(server: str) -> None:
    with pytest.raises(ProviderError, match="password authentication failed") as raised:
        limiter(server.replace(PASSWORD, "wrong-word"), "any")
    assert "wrong-word" not in str(raised.value)


def test_calls_from_the_future_count_as_made_now(server: str) -> None:
    opened = limiter(server, "ahead")
    opened.acquire("alphavantage")
    with psycopg.connect(server) as connection:
        table = f"ratelimit___{opened.name.replace('-', '_').lower()}"
        connection.execute(f"UPDATE {table} SET item_timestamp = item_timestamp + interval '10 years'")
    opened.acquire("alphavantage")
    assert [each.calls for each in opened.remaining()] == [3]
    (left,) = opened.remaining()
    assert left.next_at < datetime.now(UTC) + timedelta(days=2)


def test_a_lost_table_is_made_up_from_calls_that_are_known(server: str) -> None:
    def past_calls(since: datetime) -> list[datetime]:
        return [since + timedelta(hours=hours) for hours in (1, 2)]

    def opened(provider: str, key: str) -> RateLimiter:
        return RateLimiter.for_key(SharedCallStore(server), provider, key, (DAY,))

    assert opened("lost", "a key").recover(past_calls) == 2
    assert opened("lost", "a key").recover(past_calls) == 0
    assert opened("lost", "a new key").recover(past_calls) == 0
