"""Every response of Yahoo is data, or has the class of its error."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.handlers.errors import ErrorClass
from flows.handlers.yahoo.responses import classify_response, has_split

_YAHOO = Path(__file__).resolve().parents[2] / "../shared/data/yahoo"
_WITHOUT_ROWS = (
    "chart-AAPL-2025-02-01-to-2025-02-02-includePrePost-false-interval-1m.json",
    "chart-TSLA-2025-01-01-to-2025-01-02-interval-1h.fake.json",
)
JSON = "application/json;charset=utf-8"


def _chart(**parts: Any) -> bytes:
    chart = {"meta": {"symbol": "IBM"}, "indicators": {"quote": [{}]}, **parts}
    return json.dumps({"chart": {"result": [chart], "error": None}}).encode()


def _error(code: str, description: str, root: str = "chart") -> bytes:
    return json.dumps({root: {"result": None, "error": {"code": code, "description": description}}}).encode()


def test_every_capture_of_a_chart_is_data_unless_it_has_no_rows() -> None:
    files = sorted((_YAHOO / "chart_v8").glob("*.json"))
    if not files:
        pytest.skip("the captures of Yahoo's bodies are not on this machine")
    found = {}
    for file in files:
        response = json.loads(file.read_text())["response"]
        body = json.dumps(response["bodyJson"]).encode()
        found[file.name] = classify_response(body, response["headers"]["content-type"])
    assert {name for name, by_class in found.items() if by_class is ErrorClass.no_data} == {*_WITHOUT_ROWS}
    assert {by_class for name, by_class in found.items() if name not in _WITHOUT_ROWS} == {None}


@pytest.mark.parametrize(
    ("file", "expected"),
    [("chart_404_not_found.json", ErrorClass.bad_symbol), ("429_body.txt", ErrorClass.too_fast)],
)
def test_every_captured_error_has_its_class(file: str, expected: ErrorClass) -> None:
    path = _YAHOO / "errors" / file
    if not path.is_file():
        pytest.skip("the captures of Yahoo's errors are not on this machine")
    assert classify_response(path.read_bytes(), "text/plain") is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (_error("Not Found", "No data found, symbol may be delisted"), ErrorClass.bad_symbol),
        (_error("Bad Request", "Data doesn't exist for startDate = 1, endDate = 2"), ErrorClass.no_data),
        (_error("Bad Request", "Invalid input - interval=7m is not supported."), ErrorClass.bad_symbol),
        (
            _error("Unprocessable Entity", "1m data not available for startTime=1 and endTime=2. The "
                   "requested range must be within the last 30 days."),
            ErrorClass.bad_symbol,
        ),
        (_error("Unauthorized", "Invalid Crumb", root="finance"), ErrorClass.bad_credentials),
        (_error("Too Many Requests", "Rate limited.", root="finance"), ErrorClass.too_fast),
        (_error("internal-error", "Server error"), ErrorClass.unavailable),
        (_error("New", "A sentence that nobody knows"), ErrorClass.malformed),
        (b'{"chart": {"result": null, "error": null}}', ErrorClass.no_data),
        (b'{"chart": {"result": [], "error": null}}', ErrorClass.no_data),
        (b'{"chart": {"result": [null], "error": null}}', ErrorClass.malformed),
        (b'{"chart": {"result": {}, "error": null}}', ErrorClass.malformed),
        (b'{"chart": {}}', ErrorClass.malformed),
        (b'{"quoteResponse": {"result": []}}', ErrorClass.malformed),
        (b"[]", ErrorClass.malformed),
        (b"", ErrorClass.malformed),
        (b'{"chart": {"result": [{"meta": {"sym', ErrorClass.malformed),
        (b"<!DOCTYPE html><title>Too Many Requests</title>", ErrorClass.malformed),
        (b"\xff\xfe\x00", ErrorClass.malformed),
        (b"[" * 100_000, ErrorClass.malformed),
        (_chart(), ErrorClass.no_data),
        (_chart(timestamp=[], indicators={"quote": [None]}), ErrorClass.no_data),
        (_chart(meta=None, timestamp=[1]), ErrorClass.malformed),
    ],
)  # fmt: skip
def test_a_response_without_data_has_its_class(body: bytes, expected: ErrorClass) -> None:
    assert classify_response(body, JSON) is expected


@pytest.mark.parametrize(
    "body",
    [
        _chart(timestamp=[1]),
        _chart(indicators={"quote": [{"close": [1.5]}]}),
        _chart(events={"splits": {"1": {"numerator": 4, "denominator": 0}}}),
    ],
)
def test_timestamps_quotes_or_events_alone_are_data(body: bytes) -> None:
    assert classify_response(body, JSON) is None


def test_a_split_in_the_chart_is_detected() -> None:
    assert has_split(_chart(timestamp=[1], events={"splits": {"1": {"numerator": 4}}}))
    assert not has_split(_chart(timestamp=[1], events={"dividends": {"1": {"amount": 1}}}))
    assert not has_split(_chart(timestamp=[1]))
