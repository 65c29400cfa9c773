"""Where a database for all workers is configured, every source counts in it, and plan and doctor read it."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.secrets import Secrets
from config.settings import Settings
from delta_tables.storage.lake import Lake
from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.rate_limit.call_store import CallStoreTable, fingerprint
from flows.ingestion.quota_plan import plan
from flows.ingestion.registry import PAYLOAD_SOURCES
from flows.ingestion.request_selection import latest_requests
from jobs.runs.run_context import RunContext
from tests.builders.command_line import Cli
from tests.builders.installation import API_KEY, Installation
from tests.builders.payloads import T0
from tests.servers.postgres import PASSWORD, postgres_server

A_MINUTE = 60.0
NOBODY = f"postgresql://ledger:{PASSWORD}@127.0.0.1:9/postgres"


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    pytest.importorskip("psycopg", reason="the extra [postgres] is not installed")
    with postgres_server() as url:
        yield url


def worker(machine: Path, url: str | None, key: str = API_KEY) -> RunContext:
    """A workspace on a machine of its own: nothing but the database is shared."""
    settings = Settings.model_validate({"watch_list": {"stocks": ["S1"]}, "state_dir": machine / "state"})
    secrets = Secrets.model_validate({"alphavantage_api_key": key, "ledger_database_url": url})
    return RunContext(settings, secrets, Lake(str(machine / "lake")), lambda: T0, "a-run")


def left(ctx: RunContext, name: str) -> list[int]:
    """The calls left by each limit but that of a second, of which a call is gone before anybody looks."""
    handler: Any = PAYLOAD_SOURCES[name].connect(ctx)
    found = [each.calls for each in handler.limiter.remaining() if each.limit.per_seconds >= A_MINUTE]
    handler.close()
    return found


@pytest.mark.parametrize("name", PAYLOAD_SOURCES)
def test_workers_of_two_machines_count_each_others_calls(name: str, database: str, tmp_path: Path) -> None:
    key = f"key-of-{name}"
    here, there = worker(tmp_path / "here", database, key), worker(tmp_path / "there", database, key)
    before = left(there, name)
    handler: Any = PAYLOAD_SOURCES[name].connect(here)
    assert isinstance(handler.limiter.location, CallStoreTable)
    handler.limiter.acquire(name)
    handler.close()

    assert before
    assert left(there, name) == [calls - 1 for calls in before]
    assert not (tmp_path / "here" / "state").exists()
    assert left(worker(tmp_path / "alone", None, key), name) == before


def test_a_plan_is_made_from_the_shared_call_store(database: str, tmp_path: Path) -> None:
    here, there = (worker(tmp_path / name, database, "key-of-a-plan") for name in ("here", "there"))
    handler: Any = PAYLOAD_SOURCES["alphavantage"].connect(here)
    for _ in range(2):
        handler.limiter.acquire("alphavantage")
    handler.close()
    (found,) = plan(there, latest_requests(there.settings, ("daily",), (), "alphavantage"))
    assert found.left[-1].calls == 23


@pytest.fixture
def free(here: Installation, environment: pytest.MonkeyPatch) -> Installation:
    environment.setenv("LAKEHOUSE_PROVIDERS__ALPHAVANTAGE__PLAN", "free")
    return here


def findings(text: str) -> dict[str, dict[str, Any]]:
    return {each["what"]: each for each in json.loads(text)}


def test_the_doctor_tells_what_is_left_and_no_secret(
    database: str, free: Installation, cli: Cli, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("LEDGER_DATABASE_URL", database)
    handler: Any = PAYLOAD_SOURCES["alphavantage"].connect(worker(tmp_path / "another", database))
    handler.limiter.acquire("alphavantage")
    handler.close()

    ended = cli("--config", free.config, "--json", "doctor")

    said = findings(ended.out)["quota of alphavantage"]
    assert said["is_well"]
    assert "24 of 25 calls left in 24 hours" in said["found"]
    assert f"alphavantage-{fingerprint('alphavantage', API_KEY)}" in said["found"]
    assert "PostgreSQL" in said["found"]
    assert API_KEY not in ended.out + ended.error
    assert PASSWORD not in ended.out + ended.error


def test_without_a_database_the_doctor_reads_the_file_of_this_machine(free: Installation, cli: Cli) -> None:
    said = findings(cli("--config", free.config, "--json", "doctor").out)["quota of alphavantage"]
    assert "25 of 25 calls left" in said["found"]
    assert f"SQLite files of {free.folder / 'state' / 'rate_limits'}" in said["found"]


def test_without_a_key_the_doctor_says_so_and_is_well(
    free: Installation, cli: Cli, environment: pytest.MonkeyPatch
) -> None:
    environment.delenv("ALPHAVANTAGE_API_KEY")
    said = findings(cli("--config", free.config, "--json", "doctor").out)["quota of alphavantage"]
    assert said["is_well"]
    assert "ALPHAVANTAGE_API_KEY is not set" in said["found"]


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_database_that_does_not_answer_ends_a_command_with_what_to_do(
    command: str, free: Installation, cli: Cli, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("LEDGER_DATABASE_URL", NOBODY)
    ended = cli("--config", free.config, command)
    assert ended.code == 2
    assert "start the database or correct LEDGER_DATABASE_URL" in ended.error
    assert "127.0.0.1:9" in ended.error
    assert PASSWORD not in ended.out + ended.error


def test_the_doctor_names_the_database_that_does_not_answer(
    free: Installation, cli: Cli, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("LEDGER_DATABASE_URL", NOBODY)
    ended = cli("--config", free.config, "--json", "doctor")
    assert ended.code == 2
    said = findings(ended.out)["quota of alphavantage"]
    assert not said["is_well"]
    assert "start the database" in said["found"]
    assert PASSWORD not in ended.out + ended.error


@pytest.mark.parametrize("name", PAYLOAD_SOURCES)
def test_without_the_driver_what_to_install_is_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "flows.handlers.rate_limit.postgres_store", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ProviderError, match="install the packages with `make install`") as raised:
        PAYLOAD_SOURCES[name].connect(worker(tmp_path, NOBODY))
    assert raised.value.error_class is ErrorClass.unavailable
    assert PASSWORD not in str(raised.value)
