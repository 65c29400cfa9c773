"""The handler requests one day's file like a browser, and keeps the bytes unchanged."""

import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from flows.handlers.bse.handler import MANIFEST, Bse, connect, file_names
from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import Query, RawPayload
from flows.handlers.transport.retry import HttpPolicy

NOW = datetime(2026, 8, 14, 15, 0, tzinfo=UTC)
UDIFF_DAY, ISIN_DAY = date(2026, 8, 14), date(2024, 1, 15)
HEADER = (
    "SC_CODE,SC_NAME,SC_GROUP,SC_TYPE,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,NO_TRADES,NO_OF_SHRS,"
    "NET_TURNOV,TDCLOINDI"
)
LINE = "500002,ABB LTD.    ,A ,Q,4876.80,4876.80,4725.00,4752.95,4771.70,4781.25,543,3329,15846230.00,"
PAGE = b"<!DOCTYPE html><html>" + b" " * 14_000 + b"</html>"
FOLDER = "/download/BhavCopy/Equity"


def zipped(name: str, text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return buffer.getvalue()


WITH_ISIN = zipped(
    "EQ_ISINCODE_150124.CSV",
    f"{HEADER},ISIN_CODE,TRADING_DATE,FILLER2,FILLER3\n{LINE},INE117A01022,15-Jan-24,,\n",
)
WITHOUT_ISIN = zipped("EQ150124.CSV", f"{HEADER}\n{LINE}\n")


@pytest.fixture
def bse(server: Any, tmp_path: Path) -> Iterator[Bse]:
    policy = HttpPolicy(attempts=1, malformed_attempts=1, read_timeout_seconds=60.0)
    base_url = server.url.removesuffix("/query") + FOLDER
    handler = connect(tmp_path, base_url=base_url, clock=lambda: NOW, policy=policy)
    yield handler
    handler.close()


def fetched(handler: Bse, day: date) -> RawPayload:
    (payload,) = handler.fetch(Query("bhavcopy", "ALL", start=day, end=day))
    return payload


def refused(handler: Bse, query: Query) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        list(handler.fetch(query))
    return raised.value


def day_query(day: date) -> Query:
    return Query("bhavcopy", "ALL", start=day, end=day)


def test_a_zip_is_kept_as_received(server: Any, bse: Bse) -> None:
    server.will_answer(WITH_ISIN, Content_Type="application/x-zip-compressed")

    payload = fetched(bse, ISIN_DAY)

    assert payload.body == WITH_ISIN
    assert payload.request == f"{FOLDER}/EQ_ISINCODE_150124.zip?"
    assert (payload.provider, payload.dataset, payload.symbol, payload.interval) == (
        "bse",
        "bhavcopy",
        "ALL",
        "1day",
    )
    assert (payload.status, payload.fetched_at, payload.is_simulated) == (200, NOW, False)


def test_the_request_has_the_headers_of_a_browser(server: Any, bse: Bse) -> None:
    seen: dict[str, str] = {}

    def answer(to: BaseHTTPRequestHandler) -> None:
        seen.update(to.headers)
        to.send_response(200)
        to.send_header("Content-Length", str(len(WITH_ISIN)))
        to.end_headers()
        to.wfile.write(WITH_ISIN)

    server.answers.append(answer)
    fetched(bse, ISIN_DAY)

    assert seen["User-Agent"].startswith("Mozilla/5.0")
    assert seen["Referer"].startswith("https://www.bseindia.com/")


def test_the_name_of_the_file_depends_on_its_day() -> None:
    assert file_names(date(2024, 7, 8)) == ("BhavCopy_BSE_CM_0_0_0_20240708_F_0000.CSV",)
    assert file_names(date(2024, 7, 5)) == ("EQ_ISINCODE_050724.zip", "EQ050724_CSV.ZIP")


@pytest.mark.parametrize(("first", "kind"), [(PAGE, "text/html"), (b"", "application/x-zip-compressed")])
def test_without_a_file_with_isins_the_oldest_layout_is_requested(
    first: bytes, kind: str, server: Any, bse: Bse
) -> None:
    server.will_answer(first, Content_Type=kind)
    server.will_answer(WITHOUT_ISIN, Content_Type="application/x-zip-compressed")

    payload = fetched(bse, ISIN_DAY)

    assert payload.body == WITHOUT_ISIN
    assert server.paths == [f"{FOLDER}/EQ_ISINCODE_150124.zip", f"{FOLDER}/EQ150124_CSV.ZIP"]


def test_a_malformed_file_with_isins_is_not_replaced_by_the_other(server: Any, bse: Bse) -> None:
    server.will_answer(WITH_ISIN[:-30], Content_Type="application/x-zip-compressed")

    error = refused(bse, day_query(ISIN_DAY))

    assert error.error_class is ErrorClass.malformed
    assert len(server.paths) == 1


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (PAGE, 200, "text/html; charset=utf-8"),
        (b"", 200, "text/csv"),
        (PAGE, 404, "text/html"),
        (b"Not Found", 404, "text/plain"),
    ],
)
def test_a_day_without_a_file_is_no_data(body: bytes, status: int, kind: str, server: Any, bse: Bse) -> None:
    server.will_answer(body, status=status, Content_Type=kind)

    error = refused(bse, day_query(UDIFF_DAY))

    assert error.error_class is ErrorClass.no_data
    assert error.payload is not None
    assert error.payload.body == body
    assert "2026-08-14" in str(error)


def test_a_server_error_stays_unavailable(server: Any, bse: Bse) -> None:
    server.will_answer(b"down", status=503, Content_Type="text/plain")
    assert refused(bse, day_query(UDIFF_DAY)).error_class is ErrorClass.unavailable


@pytest.mark.parametrize(
    "query",
    [
        Query("daily", "ALL", start=UDIFF_DAY, end=UDIFF_DAY),
        Query("bhavcopy", "500002", start=UDIFF_DAY, end=UDIFF_DAY),
        Query("bhavcopy", "ALL"),
        Query("bhavcopy", "ALL", start=ISIN_DAY, end=UDIFF_DAY),
    ],
)
def test_an_invalid_query_costs_no_call(query: Query, server: Any, bse: Bse) -> None:
    assert refused(bse, query).error_class is ErrorClass.bad_symbol
    assert server.paths == []


def test_the_rate_limit_is_kept(server: Any, tmp_path: Path) -> None:
    server.will_answer(WITH_ISIN)
    make: Callable[..., Bse] = connect
    handler = make(tmp_path, calls_per_minute=1, base_url=server.url, max_wait_seconds=0.0)
    fetched(handler, ISIN_DAY)

    assert refused(handler, day_query(ISIN_DAY)).error_class is ErrorClass.quota_exhausted
    assert len(server.paths) == 1
    handler.close()


def test_the_manifest_needs_no_secret() -> None:
    assert (MANIFEST.name, MANIFEST.datasets, MANIFEST.secrets) == ("bse", ("bhavcopy",), ())
    assert MANIFEST.calendars["bhavcopy"] == "XBOM"
