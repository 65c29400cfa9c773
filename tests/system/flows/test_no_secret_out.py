"""No file, table, log record, artifact or database holds the API key, whatever goes wrong."""

import base64
import json
import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from delta_tables.tables.bronze import DEAD_LETTERS, RAW_PAYLOADS
from flows.simulator.alphavantage.plans import PLANS, PlanName, SubscriptionPlan
from flows.simulator.faults import Fault, FaultKind, dump_faults
from flows.simulator.server import Simulator
from tests.builders.installation import Installation, install, run_python
from tests.system.flows import canary_run
from tests.system.flows.prefect_server import PrefectServer
from tests.system.flows.secret_search import places_of

PLAIN = "CANARY" + secrets.token_hex(20)
ESCAPED = f"{secrets.token_hex(8)}+na/ry=&\"'<é%{secrets.token_hex(8)}"
ECHOES = (Fault(FaultKind.ECHO_KEY, status=200), Fault(FaultKind.ECHO_KEY, status=500))
FAULTS = (
    (Fault(FaultKind.HTTP_429),),
    (Fault(FaultKind.HTTP_503),),
    (Fault(FaultKind.TIMEOUT, seconds=60),),
    (Fault(FaultKind.TRUNCATED),),
    (Fault(FaultKind.HTML),),
    (ECHOES[0],),
    # The first fault that lets data through: afterwards the range is not requested again.
    (
        Fault(FaultKind.LATE_BARS, seconds=9e6),
        Fault(FaultKind.CORRECTIONS, rate=0.1),
        Fault(FaultKind.DUPLICATES, bars=3),
        Fault(FaultKind.DISORDER),
    ),
    (ECHOES[1],),
)
PATIENCE, LITTLE_PATIENCE = "120", "0.5"  # seconds; only a fault that hangs may be given up
OPEN_LOGS = {
    "PREFECT_LOGGING_LEVEL": "DEBUG",
    "PREFECT_INTERNAL_LOGGING_LEVEL": "DEBUG",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "flows,urllib3,requests",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}


def steps(simulator: Simulator, spent: Simulator) -> list[dict[str, str]]:
    """Each fault in turn, faults of the data together; with both keys if the response holds the key."""

    def step(key: str, *faults: Fault) -> dict[str, str]:
        hangs = any(fault.kind is FaultKind.TIMEOUT for fault in faults)
        patience = LITTLE_PATIENCE if hangs else PATIENCE
        return {"key": key, "url": simulator.url, "faults": dump_faults(faults), "patience": patience}

    spent_step = {"url": spent.url, "faults": "[]", "patience": PATIENCE}
    refusals = [{"key": key, **spent_step} for key in (PLAIN, ESCAPED)]
    plain = [step(PLAIN, fault) for fault in ECHOES]
    return refusals + plain + [step(ESCAPED, *faults) for faults in FAULTS]


def run_all(here: Installation, plan: list[dict[str, str]], server: PrefectServer) -> None:
    """Runs into the faults; the process' output is kept in files beside the lake."""
    environ = {**OPEN_LOGS, "PREFECT_API_URL": server.api_url, "PREFECT_HOME": str(here.folder / "home")}
    (here.folder / "home").mkdir()
    process = run_python([canary_run.__file__, here.config], here, environ)
    said, complaints = process.communicate(json.dumps(plan), timeout=600)
    (here.folder / "stdout.txt").write_text(said)
    (here.folder / "stderr.txt").write_text(complaints)
    # The last run, through the command line, meets the last fault: done, with failures.
    assert process.returncode == 1, complaints[-3000:]


@pytest.mark.usefixtures("environment")
def test_no_fault_leaks_the_key(
    prefect_server: PrefectServer,
    simulate: Callable[..., Simulator],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(PLANS, PlanName.FREE, SubscriptionPlan(calls_per_day=0))
    simulator, spent = simulate(), simulate(plan=PlanName.FREE)
    here = install(tmp_path, simulator.url)
    run_all(here, steps(simulator, spent), prefect_server)

    letters = here.rows(DEAD_LETTERS)
    assert {row["error_class"] for row in letters} >= {
        "quota_exhausted",
        "malformed",
        "too_fast",
        "unavailable",
    }
    assert sum(b"REDACTED" in row["body"] for row in letters) >= 8
    assert here.rows(RAW_PAYLOADS)
    assert len(prefect_server.logs_at_debug()) > 20
    assert "urllib3" in (tmp_path / "records.txt").read_text()
    for key in (PLAIN, ESCAPED):
        assert places_of(key, [tmp_path, prefect_server.home, prefect_server.database.parent]) == []


def plant_in_text(folder: Path, text: str) -> None:
    (folder / "some.log").write_text(f"GET /query?apikey={text} 200")


def plant_in_base64(folder: Path, text: str) -> None:
    (folder / "result").write_bytes(base64.b64encode(f"xy{text}z".encode()))


def plant_in_a_table(folder: Path, text: str) -> None:
    bodies = [f'{{"found": "{text}"}}'.encode()] * 1000
    write_deltalake(str(folder / "table"), pa.table({"body": pa.array(bodies, pa.binary())}))


def plant_in_a_database(folder: Path, text: str) -> None:
    with closing(sqlite3.connect(folder / "prefect.db")) as database, database:
        database.execute("CREATE TABLE log (message TEXT)")
        database.execute("INSERT INTO log VALUES (?)", [f"asked with {text}"])


@pytest.mark.parametrize("plant", [plant_in_text, plant_in_base64, plant_in_a_table, plant_in_a_database])
@pytest.mark.parametrize("key", [PLAIN, ESCAPED], ids=["plain", "escaped"])
def test_the_search_finds_what_is_planted(
    plant: Callable[[Path, str], None], key: str, tmp_path: Path
) -> None:
    assert places_of(key, [tmp_path]) == []
    plant(tmp_path, key)
    assert places_of(key, [tmp_path]) != []
