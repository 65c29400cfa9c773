"""The key appears nowhere: not in an error, a traceback, a log line or a payload."""

import html
import json
import logging
import pickle
import socket
import traceback
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from flows.handlers.alphavantage.handler import AlphaVantage
from flows.handlers.errors import ProviderError
from flows.handlers.models import Query
from flows.handlers.transport.redaction import Redactor

Make = Callable[..., AlphaVantage]
QUERY = Query("overview", "IBM")


def _spellings(key: str) -> set[str]:
    return {key, quote(key, safe=""), quote_plus(key), quote(key), json.dumps(key)[1:-1], html.escape(key)}


def _assert_hidden(key: str, text: str) -> None:
    assert [form for form in _spellings(key) if form.lower() in text.lower()] == []


def _everything_about(error: ProviderError) -> str:
    parts = [str(error), repr(error), str(vars(error)), *traceback.format_exception(error)]
    context: BaseException | None = error
    while context is not None:
        parts += [repr(context), str(context)]
        context = context.__cause__ or context.__context__
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename != __file__:
            parts.append(repr(frame.f_locals))
    if error.payload is not None:
        parts += [repr(error.payload), str(vars(error.payload)), error.payload.body.decode(errors="replace")]
    return "\n".join(parts) + pickle.dumps(error).decode(errors="replace")


def _echo(server: Any, key: str, status: int) -> None:
    body = " ".join(sorted(_spellings(key)))
    server.will_answer(f'{{"detail": "{body}"}}'.encode(), status=status, Content_Type=f"text/plain; k={key}")


@pytest.fixture
def port_of_nobody() -> Iterator[int]:
    """A port without a listener, reserved for the duration of the test."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()[1]


@pytest.mark.parametrize(
    "fault", ["echo_200", "echo_500", "redirect", "truncated", "silent", "refused", "broken_url", "garbled"]
)
def test_no_fault_reveals_the_key(
    fault: str,
    server: Any,
    make_handler: Make,
    canary: str,
    port_of_nobody: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = server.url
    match fault:
        case "echo_200" | "echo_500":
            _echo(server, canary, int(fault.removeprefix("echo_")))
        case "redirect":
            server.will_answer(
                b"", status=302, Location=f"http://{quote(canary, safe='')}.invalid/?k={canary}"
            )
        case "truncated":
            server.will_answer(f"key {canary}"[:-3].encode(), Content_Length="500")
        case "silent":
            server.answers.append(lambda _: None)
        case "refused":
            url = f"http://127.0.0.1:{port_of_nobody}/query"
        case "broken_url":
            url = "http://[::1/query"
        case "garbled":
            server.answers.append(lambda to: to.wfile.write(f"{canary} {to.path}\r\n".encode()) and None)
    handler = make_handler(url, attempts=2)

    with caplog.at_level(logging.DEBUG), pytest.raises(ProviderError) as raised:
        list(handler.fetch(QUERY))

    found = _everything_about(raised.value)
    _assert_hidden(canary, found)
    _assert_hidden(canary, caplog.text)
    _assert_hidden(canary, repr(handler) + repr(handler.http.redactor))
    assert canary[:10] not in found + caplog.text


def test_urllib3_still_logs_its_lines_without_the_key(
    server: Any, make_handler: Make, canary: str, caplog: pytest.LogCaptureFixture
) -> None:
    server.will_answer(b'{"Symbol": "IBM"}')
    with caplog.at_level(logging.DEBUG):
        assert list(make_handler(server.url).fetch(QUERY))
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("urllib3")]
    assert any("apikey=REDACTED" in line for line in lines)
    _assert_hidden(canary, caplog.text)


def test_a_logged_traceback_loses_the_key(canary: str) -> None:
    try:
        raise ValueError(f"bad key {canary}")
    except ValueError as problem:
        record = logging.LogRecord(
            "x", logging.ERROR, "", 0, "%s", (canary,), (type(problem), problem, problem.__traceback__)
        )
    assert Redactor([canary]).filter(record)
    formatted = logging.Formatter().format(record)
    assert "bad key REDACTED" in formatted
    _assert_hidden(canary, formatted)


def test_a_key_with_a_newline_from_a_file_is_still_found() -> None:
    assert Redactor(["a-real-key\n"]).text("key=a-real-key.") == "key=REDACTED."


def test_a_key_cut_off_at_the_end_of_a_body_is_removed() -> None:
    redactor = Redactor(["ABCDEFGHIJKLMNOP"])
    assert redactor.body(b"your key is ABCDEFGHIJ") == b"your key is REDACTED"
    assert redactor.body(b"ABCDEF is a word") == b"ABCDEF is a word"


def test_a_short_key_is_replaced_only_as_a_separate_word() -> None:
    redactor = Redactor(["test"])
    assert redactor.body(b"the latest test, apikey=test&x") == b"the latest REDACTED, apikey=REDACTED&x"


def test_a_tiny_key_is_refused_and_an_empty_or_public_one_ignored() -> None:
    with pytest.raises(ValueError, match="at least 4 characters"):
        Redactor(["abc"])
    assert Redactor(["", "  ", "demo"]).body(b"a demo of democracy") == b"a demo of democracy"


def test_bytes_without_secrets_are_unchanged() -> None:
    body = bytes(range(256)) * 10
    assert Redactor(["a-real-key", "Schlüssel-äöü"]).body(body) == body
    assert Redactor(["Schlüssel-äöü"]).body("x Schlüssel-äöü y".encode()) == b"x REDACTED y"
