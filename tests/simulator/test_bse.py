"""The simulated download site of the Bombay exchange works with the real handler."""

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from flows.handlers.bse.handler import Bse, connect, file_names
from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import Query, RawPayload
from flows.handlers.transport.retry import HttpPolicy
from flows.simulator.bse.endpoints import bombay_sessions
from flows.simulator.faults import Fault, FaultKind
from flows.simulator.server import Simulator
from jobs.market_calendar.sessions import sessions_between

FOLDER = "/bse/download/BhavCopy/Equity"
NOW = datetime(2026, 8, 14, 15, 0, tzinfo=UTC)  # 20:30 in India
TODAY = date(2026, 8, 14)
DAYS = {"udiff": TODAY, "isin": date(2024, 1, 15), "legacy": date(2010, 8, 20)}
BROWSER = {"User-Agent": "Mozilla/5.0", "Referer": "https://www.bseindia.com/"}
CASSETTES = Path(__file__).resolve().parents[2] / "../shared/data/bse/cassettes/bse_bhavcopy_equity"

Fetch = Callable[..., RawPayload]


@pytest.fixture
def fetch(tmp_path: Path) -> Iterator[Fetch]:
    """Fetches a day's file from a simulator with the real handler."""
    handlers: list[Bse] = []

    def get(simulator: Simulator, day: date) -> RawPayload:
        policy = HttpPolicy(attempts=1, malformed_attempts=1)
        handlers.append(connect(tmp_path, base_url=simulator.base + FOLDER, policy=policy))
        (record,) = handlers[-1].fetch(Query("bhavcopy", "ALL", start=day, end=day))
        return record

    yield get
    for handler in handlers:
        handler.close()


def refusal(fetch: Fetch, simulator: Simulator, day: date) -> ErrorClass:
    with pytest.raises(ProviderError) as raised:
        fetch(simulator, day)
    return raised.value.error_class


def rows_of(body: bytes) -> list[dict[str, str]]:
    if body.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            body = archive.read(archive.namelist()[0])
    return list(csv.DictReader(io.StringIO(body.decode())))


@pytest.mark.parametrize("layout", DAYS)
def test_every_day_has_the_layout_in_use_then(layout: str, simulate: Any, fetch: Fetch) -> None:
    record = fetch(simulate(clock=NOW), DAYS[layout])

    rows = rows_of(record.body)
    assert len(rows) == len({row.get("SC_CODE") or row["FinInstrmId"] for row in rows}) == 120
    assert len(rows[0]) == {"udiff": 34, "isin": 18, "legacy": 14}[layout]
    assert record.is_simulated
    assert all("SIMULATED" in (row.get("SC_NAME") or row["FinInstrmNm"]) for row in rows)


@pytest.mark.parametrize(("layout", "file"), [("udiff", "20260814.csv"), ("isin", "20240115_legacy.csv")])
def test_columns_match_the_real_files(layout: str, file: str, simulate: Any, fetch: Fetch) -> None:
    if not CASSETTES.is_dir():
        pytest.skip("the captures of the exchange's files are not part of the project (2026-11)")
    real = rows_of((CASSETTES / file).read_bytes())[0]
    simulated = rows_of(fetch(simulate(clock=NOW), DAYS[layout]).body)[0]

    assert list(simulated) == list(real)
    assert {name for name, value in simulated.items() if not value} == {
        name for name, value in real.items() if not value
    }
    assert [name for name, value in simulated.items() if value != value.strip()] == [
        name for name, value in real.items() if name == "SC_GROUP" and value != value.strip()
    ]


def test_prices_are_valid_and_follow_the_previous_close(simulate: Any, fetch: Fetch) -> None:
    simulator = simulate(clock=NOW)
    before, day = (rows_of(fetch(simulator, date(2026, 8, number)).body) for number in (13, 14))

    for row in day:
        opening, high, low, close = (float(row[name]) for name in ("OpnPric", "HghPric", "LwPric", "ClsPric"))
        assert 0 < low <= min(opening, close) <= max(opening, close) <= high
    assert [row["PrvsClsgPric"] for row in day] == [row["ClsPric"] for row in before]


def test_bytes_depend_on_the_seed(simulate: Any, fetch: Fetch) -> None:
    first, again, other = (fetch(simulate(clock=NOW, seed=seed), DAYS["isin"]).body for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("day", [date(2026, 8, 15), date(2026, 1, 26), date(2026, 8, 17)])
def test_a_day_without_a_file_gets_a_page(day: date, simulate: Any, fetch: Fetch) -> None:
    simulator = simulate(clock=NOW)
    url = f"{simulator.base}{FOLDER}/{file_names(day)[0]}"
    response = requests.get(url, headers=BROWSER, timeout=60)

    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert refusal(fetch, simulator, day) is ErrorClass.no_data


def test_a_file_is_published_at_20_00_in_india(simulate: Any, fetch: Fetch) -> None:
    early = simulate(clock=datetime(2026, 8, 14, 14, 29, tzinfo=UTC))
    assert refusal(fetch, early, TODAY) is ErrorClass.no_data
    assert fetch(simulate(clock=datetime(2026, 8, 14, 14, 30, tzinfo=UTC)), TODAY).body


def test_the_isin_file_of_a_day_before_isins_is_empty(simulate: Any) -> None:
    simulator = simulate(clock=NOW)
    url = f"{simulator.base}{FOLDER}/EQ_ISINCODE_200810.zip"
    response = requests.get(url, headers=BROWSER, timeout=60)
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize("headers", [{}, {"User-Agent": "Mozilla/5.0"}, {"Referer": "https://x.example"}])
def test_only_browsers_are_served(headers: dict[str, str], simulate: Any) -> None:
    url = f"{simulate(clock=NOW).base}{FOLDER}/{file_names(TODAY)[0]}"
    assert requests.get(url, headers=headers, timeout=60).status_code == 403


def test_a_late_file_is_published_later(simulate: Any, fetch: Fetch) -> None:
    late = (Fault(FaultKind.LATE_BARS, seconds=3600),)
    assert refusal(fetch, simulate(clock=NOW, faults=late), TODAY) is ErrorClass.no_data
    assert fetch(simulate(clock=NOW.replace(hour=16), faults=late), TODAY).body


def test_a_correction_changes_its_share_of_lines_once_it_is_known(simulate: Any, fetch: Fetch) -> None:
    fault = Fault(FaultKind.CORRECTIONS, rate=0.1, at=NOW, keys=(TODAY.isoformat(),))
    simulator = simulate(clock=NOW.replace(minute=45, hour=14), faults=(fault,))
    before = rows_of(fetch(simulator, TODAY).body)
    simulator.service.clock.set(NOW)
    after = rows_of(fetch(simulator, TODAY).body)

    changed = sum(old["TtlTradgVol"] != new["TtlTradgVol"] for old, new in zip(before, after, strict=True))
    assert 0 < changed < 40


def test_joined_lines_are_accepted_while_they_are_few(simulate: Any, fetch: Fetch) -> None:
    few, many = ((Fault(FaultKind.DUPLICATES, bars=pairs),) for pairs in (1, 2))
    body = fetch(simulate(clock=NOW, faults=few), TODAY).body

    assert len(body.splitlines()) == 1 + 119
    assert refusal(fetch, simulate(clock=NOW, faults=many), TODAY) is ErrorClass.malformed


def test_content_of_another_day_is_refused(simulate: Any, fetch: Fetch) -> None:
    simulator = simulate(clock=NOW, faults=(Fault(FaultKind.DISORDER),))
    assert refusal(fetch, simulator, TODAY) is ErrorClass.malformed


def test_calls_above_the_rate_limit_are_refused(simulate: Any, fetch: Fetch) -> None:
    simulator = simulate(clock=NOW, calls_per_minute=1)
    fetch(simulator, TODAY)
    assert refusal(fetch, simulator, TODAY) is ErrorClass.too_fast


def test_sessions_match_the_lakehouse_calendar() -> None:
    first, last = date(2006, 1, 1), date(2026, 12, 31)
    simulated = [day for day in bombay_sessions() if first <= day <= last]
    assert simulated == [session.trade_dt for session in sessions_between("XBOM", first, last)]
