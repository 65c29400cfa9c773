"""Network faults during a fetch, over a real socket."""

import gzip
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from threading import Event, Semaphore
from typing import Any

import pytest

from flows.handlers.alphavantage.handler import AlphaVantage
from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import Query
from flows.handlers.transport.retry import retry_after_seconds

Make = Callable[..., AlphaVantage]

DATA = b'{"Symbol": "IBM", "Name": "International Business Machines"}'
QUERY = Query("overview", "IBM")
PATIENCE_SECONDS = 60
NOW = datetime(2024, 3, 5, 12, 0, tzinfo=UTC)


def _error(handler: AlphaVantage) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        list(handler.fetch(QUERY))
    return raised.value


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_temporary_fault_is_retried(
    status: int, server: Any, make_handler: Make, sleeps: list[float]
) -> None:
    server.will_answer(b"<h1>busy</h1>", status=status, Content_Type="text/html")
    server.will_answer(DATA)
    (payload,) = make_handler(server.url).fetch(QUERY)
    assert payload.body == DATA
    assert len(sleeps) == 1


@pytest.mark.parametrize(
    ("status", "expected", "calls"),
    [
        (401, ErrorClass.bad_credentials, 1),
        (403, ErrorClass.not_entitled, 1),
        (404, ErrorClass.malformed, 2),
        (429, ErrorClass.too_fast, 3),
        (503, ErrorClass.unavailable, 3),
    ],
)
def test_a_status_gives_its_class_and_its_number_of_attempts(
    status: int, expected: ErrorClass, calls: int, server: Any, make_handler: Make
) -> None:
    server.will_answer(b"<h1>no</h1>", status=status, Content_Type="text/html")
    error = _error(make_handler(server.url, attempts=3))
    assert error.error_class is expected
    assert error.payload is not None
    assert error.payload.body == b"<h1>no</h1>"
    assert len(server.paths) == calls


def test_data_under_an_error_status_is_no_data(server: Any, make_handler: Make) -> None:
    server.will_answer(DATA, status=500)
    assert _error(make_handler(server.url)).error_class is ErrorClass.unavailable


def test_waits_grow_and_stay_within_bounds(server: Any, make_handler: Make, sleeps: list[float]) -> None:
    server.will_answer(b"", status=503)
    _error(make_handler(server.url, attempts=6, backoff_seconds=1.0, max_backoff_seconds=5.0))
    assert [
        bound <= wait <= min(bound + 1, 5) for bound, wait in zip((1, 2, 4, 5, 5), sleeps, strict=True)
    ] == [True] * 5


def test_retry_after_is_honoured(server: Any, make_handler: Make, sleeps: list[float]) -> None:
    server.will_answer(b"", status=429, Retry_After="17")
    server.will_answer(DATA)
    assert list(make_handler(server.url).fetch(QUERY))
    assert sleeps == [17.0]


def test_a_retry_after_beyond_the_maximum_is_left_to_the_caller(
    server: Any, make_handler: Make, sleeps: list[float]
) -> None:
    server.will_answer(b"", status=503, Retry_After="86400")
    error = _error(make_handler(server.url))
    assert error.retry_after_seconds == 86400
    assert sleeps == []
    assert len(server.paths) == 1


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": format_datetime(NOW + timedelta(seconds=30))}, 30.0),
        ({"Retry-After": format_datetime(NOW - timedelta(hours=1))}, 0.0),
        # The server's clock is a year ahead: its own Date header tells.
        (
            {
                "Retry-After": format_datetime(NOW + timedelta(days=365, seconds=9)),
                "Date": format_datetime(NOW + timedelta(days=365)),
            },
            9.0,
        ),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "inf"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_seconds(headers, NOW) == expected


def test_html_with_status_200_is_retried_once(server: Any, make_handler: Make) -> None:
    server.will_answer(b"<html>maintenance</html>", Content_Type="text/html")
    error = _error(make_handler(server.url, attempts=5))
    assert error.error_class is ErrorClass.malformed
    assert "maintenance" in str(error)
    assert len(server.paths) == 2


def test_a_truncated_body_is_retried(server: Any, make_handler: Make) -> None:
    server.will_answer(DATA[:20], Content_Length=str(len(DATA)))
    server.will_answer(DATA)
    (payload,) = make_handler(server.url).fetch(QUERY)
    assert payload.body == DATA


def test_a_body_that_stays_truncated_reaches_the_dead_letters(server: Any, make_handler: Make) -> None:
    server.will_answer(DATA[:20], Content_Length=str(len(DATA)))
    error = _error(make_handler(server.url, attempts=2))
    assert error.error_class is ErrorClass.malformed
    assert error.payload is not None
    assert error.payload.body == DATA[:20]
    assert "cut off after 20 bytes" in str(error)


def _chunked_and_cut(to: BaseHTTPRequestHandler) -> None:
    to.protocol_version = "HTTP/1.1"
    to.send_response(200)
    to.send_header("Transfer-Encoding", "chunked")
    to.end_headers()
    to.wfile.write(b"400\r\n" + DATA)
    to.close_connection = True


def test_a_cut_chunked_body_is_noticed(server: Any, make_handler: Make) -> None:
    server.answers.append(_chunked_and_cut)
    assert _error(make_handler(server.url, attempts=1)).error_class is ErrorClass.malformed


def test_a_compressed_body_is_kept_decompressed(server: Any, make_handler: Make) -> None:
    server.will_answer(gzip.compress(DATA), Content_Encoding="gzip")
    (payload,) = make_handler(server.url).fetch(QUERY)
    assert payload.body == DATA


def test_a_silent_server_times_out(server: Any, make_handler: Make) -> None:
    requested, is_over = Semaphore(0), Event()

    def stay_silent(_: BaseHTTPRequestHandler) -> None:
        requested.release()
        is_over.wait(PATIENCE_SECONDS)

    server.answers.append(stay_silent)
    error = _error(make_handler(server.url, attempts=2, read_timeout_seconds=0.1))
    assert error.error_class is ErrorClass.unavailable
    assert error.payload is None
    assert "time" in str(error).lower()
    for _ in range(2):  # the client may have given up before the server's thread could read its question
        assert requested.acquire(timeout=PATIENCE_SECONDS)
    is_over.set()
    assert len(server.paths) == 2


def _drip(to: BaseHTTPRequestHandler) -> None:
    """Sends single bytes until the client disconnects, for at most a minute."""
    to.send_response(200)
    to.send_header("Content-Length", "1000000")
    to.end_headers()
    until = time.monotonic() + PATIENCE_SECONDS
    try:
        while time.monotonic() < until:
            to.wfile.write(b"{")
            to.wfile.flush()
            time.sleep(0.02)
    except OSError:
        return


def test_a_body_that_drips_in_is_abandoned(server: Any, make_handler: Make) -> None:
    server.answers.append(_drip)
    error = _error(make_handler(server.url, attempts=1, max_transfer_seconds=0.2))
    assert error.error_class is ErrorClass.unavailable
    assert "stalled" in str(error)  # while it dripped: one that the server has ended is cut off


def _drip_chunk_size(to: BaseHTTPRequestHandler) -> None:
    _endless(to, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0")


def _drip_status(to: BaseHTTPRequestHandler) -> None:
    _endless(to, b"HTTP/1.1 ", b"2")


def _drip_header(to: BaseHTTPRequestHandler) -> None:
    _endless(to, b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x")


def _continue(to: BaseHTTPRequestHandler) -> None:
    _endless(to, b"", b"HTTP/1.1 100 Continue\r\n\r\n")


def _endless(to: BaseHTTPRequestHandler, first: bytes, more: bytes) -> None:
    """Sends the beginning of a response and then `more`, until the client disconnects."""
    until = time.monotonic() + PATIENCE_SECONDS
    try:
        to.wfile.write(first)
        while time.monotonic() < until:
            to.wfile.write(more)
            to.wfile.flush()
            time.sleep(0.02)
    except OSError:
        return


@pytest.mark.parametrize("trickle", [_drip_chunk_size, _drip_status, _drip_header, _continue])
def test_a_response_that_never_gets_on_ends_at_the_deadline_of_the_exchange(
    server: Any, make_handler: Make, trickle: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    server.answers.append(trickle)
    began = time.monotonic()
    error = _error(make_handler(server.url, attempts=1, max_transfer_seconds=0.3, read_timeout_seconds=30.0))
    assert error.error_class is ErrorClass.unavailable
    assert "within 0.3 s" in str(error) or "stalled" in str(error)
    assert time.monotonic() - began < PATIENCE_SECONDS


def test_a_deadline_of_one_exchange_does_not_end_the_next_on_the_same_connection(
    server: Any, make_handler: Make
) -> None:
    server.will_answer(DATA)
    handler = make_handler(server.url, max_transfer_seconds=0.5)
    for _ in range(3):
        (payload,) = handler.fetch(QUERY)
        assert payload.body == DATA
        time.sleep(0.3)


def test_a_body_beyond_the_cap_is_refused_and_its_beginning_kept(server: Any, make_handler: Make) -> None:
    server.will_answer(b"{" + b" " * 500_000)
    error = _error(make_handler(server.url, max_body_bytes=200_000))
    assert error.error_class is ErrorClass.malformed
    assert "more than 200000 bytes" in str(error)
    assert error.payload is not None
    assert len(error.payload.body) == 64 * 1024
    assert len(server.paths) == 1


def test_a_refused_connection_names_the_cause(make_handler: Make, sleeps: list[float]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = _error(make_handler(f"http://127.0.0.1:{unused.getsockname()[1]}/query", attempts=3))
    assert error.error_class is ErrorClass.unavailable
    assert "Connection refused" in str(error)
    assert len(sleeps) == 2


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1/query", "http://[::1/query", "http://.."])
def test_a_malformed_url_is_a_provider_error(url: str, make_handler: Make, sleeps: list[float]) -> None:
    assert _error(make_handler(url)).error_class is ErrorClass.unavailable
    assert sleeps == []


def test_a_redirect_is_not_followed(server: Any, make_handler: Make) -> None:
    server.will_answer(b"", status=302, Location="http://elsewhere.invalid/?apikey=x")
    error = _error(make_handler(server.url))
    assert error.error_class is ErrorClass.malformed
    assert "redirect to elsewhere.invalid" in str(error)
    assert len(server.paths) == 1


def test_a_proxy_from_the_environment_is_not_used_for_loopback(
    server: Any, make_handler: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    server.will_answer(DATA)
    assert list(make_handler(server.url).fetch(QUERY))


def test_every_attempt_passes_the_limiter(
    server: Any, make_handler: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[str] = []
    handler = make_handler(server.url, attempts=3)
    monkeypatch.setattr(handler.limiter, "acquire", passed.append)
    server.will_answer(b"", status=503)
    _error(handler)
    assert passed == ["alphavantage"] * 3
