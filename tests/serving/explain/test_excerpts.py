"""The fragments at positions, for the positions of every parser."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs.parsing.alphavantage_reference import dividend_rows, listing_rows, news_rows, split_rows
from jobs.parsing.bse import bhavcopy_bar_rows
from jobs.parsing.coingecko_json import coin_bar_rows, coin_rows
from jobs.parsing.json_values import RawRow
from jobs.parsing.yahoo_json import ACTION_COLUMNS, BAR_COLUMNS, chart_action_rows, chart_bar_rows
from serving.explain.json_excerpts import fragment_at
from serving.explain.payload_excerpts import excerpt

SHARED = Path(__file__).resolve().parents[3] / "../shared/data"
needs_captures = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the captures are not part of the project (2026-11)"
)
CHART: dict[str, Any] = {
    "meta": {"symbol": "IBM"},
    "timestamp": [1262304000, 1262390400],
    "indicators": {
        "quote": [{"open": [1.10, 2.5e-7], "close": [1.20], "volume": [None, 7]}],
        "adjclose": [{"adjclose": [1, 2]}],
    },
    "events": {"splits": {"1262390400": {"date": 1262390400, "numerator": 4}}},
}


def chart(*charts: dict[str, Any]) -> bytes:
    return json.dumps({"chart": {"result": list(charts), "error": None}}).encode()


def test_a_timestamp_of_a_chart_comes_with_the_values_at_its_index() -> None:
    assert excerpt(chart(CHART), "/chart/result/0/timestamp/0") == (
        "timestamp: 1262304000\n"
        "indicators/quote/open: 1.1\n"
        "indicators/quote/close: 1.2\n"
        "indicators/quote/volume: null\n"
        "indicators/adjclose/adjclose: 1"
    )


def test_a_missing_value_of_a_short_list_is_marked() -> None:
    text = excerpt(chart({}, CHART), "/chart/result/1/timestamp/1")
    assert text is not None
    assert "indicators/quote/open: 2.5e-07\nindicators/quote/close: missing\n" in text


@pytest.mark.parametrize(
    ("position", "text"),
    [
        ("/chart/result/0/timestamp/9", None),
        ("/chart/result/3/timestamp/0", None),
        ("/chart/result/0/meta", '"meta": {"symbol": "IBM"}'),
        (
            "/chart/result/0/events/splits/1262390400",
            '"1262390400": {"date": 1262390400, "numerator": 4}',
        ),
    ],
)
def test_other_positions_of_a_chart_are_members(position: str, text: str | None) -> None:
    assert excerpt(chart(CHART), position) == text


@pytest.mark.parametrize(
    ("body", "position", "text"),
    [
        (b'{"prices": [[1, 2.50], [3,4e-7 ]], "total_volumes": []}', "/prices/1", "[3,4e-7 ]"),
        (b'{"prices": [[1, 2.50]]}', "/prices/1", None),
        (b"[[1, 2], [3, 4]]", "/1", "[3, 4]"),
        (b'[{"id": "bitcoin"}]', "/0", '{"id": "bitcoin"}'),
        (b'{"data": [{"a": 1}, {"a": 2}]}', "/data/1", '{"a": 2}'),
        (b'{"data": []}', "none", '{"data": []}'),
        (b'{"a/b": {"c/d": 1}}', "/a/b/c/d", None),
        (b'{"a": {"c/d": 1}}', "/a/c/d", '"c/d": 1'),
        (b'{"a": "x"}', "/a/0", None),
        (b'{"a": 1} trailing', "/a", '"a": 1'),
        (b"not json", "/a", None),
        (b"[" * 100_000, "/a", None),
        (b'{"a": [1, 2', "/a/0", None),
        (b"", "/a", None),
    ],
)
def test_a_path_goes_through_names_and_indices(body: bytes, position: str, text: str | None) -> None:
    assert excerpt(body, position) == text


def test_a_ticker_in_the_news_comes_with_its_article() -> None:
    feed = [{"title": "A", "ticker_sentiment": [{"ticker": "IBM"}, {"ticker": "KO"}]}, {"title": "B"}]
    body = json.dumps({"feed": feed}).encode()
    assert excerpt(body, "/feed/0/1") == (
        f'ticker_sentiment/1: {{"ticker": "KO"}}\nfeed/0: {json.dumps(feed[0])}'
    )
    assert excerpt(body, "/feed/1/0") == 'ticker_sentiment/0: missing\nfeed/1: {"title": "B"}'
    assert excerpt(body, "/feed/2/0") is None


def test_a_repeated_name_gives_the_last_value() -> None:
    found = fragment_at('{"a": {"b": 1}, "a": {"b": 2, "c": 3}}', ["a", "b"])
    assert found is not None
    assert (found.text, found.member) == ("2", '"b": 2')


LINES = "SC_CODE,CLOSE\r\n500325,1\r500570,2\n511218,3\n"


def zipped(content: bytes, name: str = "EQ150124.CSV") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("readme.txt", "not this")
        archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        LINES.encode(),
        b"\xef\xbb\xbf" + LINES.encode(),
        zipped(LINES.encode()),
        zipped(LINES.encode(), "a.csv"),
    ],
    ids=["plain", "marked", "zipped", "small letters"],
)
def test_lines_are_counted_as_the_parsers_count_them(body: bytes) -> None:
    lines = [excerpt(body, f"line {number}") for number in range(6)]
    assert lines == [None, "SC_CODE,CLOSE", "500325,1", "500570,2", "511218,3", None]


def test_a_name_in_latin_1_is_decoded() -> None:
    assert excerpt("a,b\n1,Société\n".encode("latin-1"), "line 2") == "1,Société"


@pytest.mark.parametrize("body", [b"PK\x03\x04 cut off", zipped(b"x", "other.txt")], ids=["cut off", "other"])
def test_a_zip_that_has_no_csv_has_no_lines(body: bytes) -> None:
    assert excerpt(body, "line 1") is None


def test_a_long_fragment_is_cut_and_marked() -> None:
    text = excerpt(json.dumps({"a": "x" * 9000}).encode(), "/a")
    assert text is not None
    assert text.endswith("... (9,007 characters in all)")


def captured(pattern: str) -> list[Any]:
    return [pytest.param(file, id=file.name) for file in sorted(SHARED.glob(pattern))]


def holds(body: bytes, position: str | None, *texts: str | None) -> None:
    """The piece at a parsed row's position has the texts that the parser read there."""
    assert position is not None
    piece = excerpt(body, position)
    assert piece is not None, position
    # a number may be parsed from 1e-05
    missing = [text for text in texts if text and text not in piece and "e-" not in piece]
    assert not missing or len(piece) > 4000, (position, piece, missing)


def yahoo_body(file: Path) -> bytes:
    return json.dumps(json.loads(file.read_bytes())["response"]["bodyJson"]).encode()


@needs_captures
@pytest.mark.parametrize("file", captured("yahoo/chart_v8/*.json"))
def test_every_row_of_a_real_chart_is_found_again(file: Path) -> None:
    body = yahoo_body(file)
    bars = [dict(zip(BAR_COLUMNS, row, strict=True)) for row in chart_bar_rows(body, "IBM", "1day")]
    for bar in [*bars[:30], *bars[-5:]]:
        values = (bar[f"{name}_text"] for name in ("open", "high", "low", "close", "volume"))
        holds(body, bar["position"], bar["timestamp_text"] if bar["clock"] == "epoch_s" else None, *values)
    for row in chart_action_rows(body, "IBM", "1day"):
        action = dict(zip(ACTION_COLUMNS, row, strict=True))
        holds(body, action["position"], action["amount_text"], action["numerator_text"])


@needs_captures
@pytest.mark.parametrize("file", captured("coingecko/bodies/coins_*__200.json"))
def test_every_point_of_a_real_coin_is_found_again(file: Path) -> None:
    body = file.read_bytes()
    if b"market_caps" in body or body.startswith(b"[["):
        for _, position, start, end, *prices in coin_bar_rows(body, "BTC-USD", None)[:30]:
            holds(body, position, end or start, *prices)
    elif "markets" in file.name:
        for position, _, name, _, cap in coin_rows(body, "BTC-USD", None):
            holds(body, position, name, cap)


@needs_captures
@pytest.mark.parametrize("file", captured("bse/cassettes/bse_bhavcopy_equity/*.csv"))
@pytest.mark.parametrize("pack", [bytes, zipped])
def test_every_line_of_a_real_bhavcopy_is_found_again(file: Path, pack: Callable[[bytes], bytes]) -> None:
    body = pack(file.read_bytes())
    rows = bhavcopy_bar_rows(body, "BSE", None)
    assert len(rows) > 1
    for row in [*rows[:20], *rows[-20:]]:
        holds(body, row[2], row[3], *row[5:])


@needs_captures
@pytest.mark.parametrize(
    ("pattern", "parse", "places"),
    [
        ("alphavantage/portfoliotree_csv_json/**/SPLITS*", split_rows, (0, 5)),
        ("alphavantage/portfoliotree_csv_json/**/DIVIDENDS*", dividend_rows, (0, 7)),
        ("alphavantage/portfoliotree_csv_json/**/NEWS*", news_rows, (1, 2)),
        ("alphavantage/portfoliotree_csv_json/**/LISTING*", listing_rows, (1, 0)),
    ],
)
def test_every_row_of_real_reference_data_is_found_again(
    pattern: str, parse: Callable[[bytes, str, str | None], list[RawRow]], places: tuple[int, int]
) -> None:
    files = sorted(SHARED.glob(pattern))
    if not files:
        pytest.skip(f"no capture {pattern} (2026-11)")
    position, value = places
    for file in files:
        for row in parse(file.read_bytes(), "IBM", None)[:30]:
            holds(file.read_bytes(), row[position], row[value])
