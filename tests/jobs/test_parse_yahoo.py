"""Yahoo's charts become raw rows: what a payload contains is there, and nothing else."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import exchange_calendars
import pytest
from pyspark.sql import DataFrame, SparkSession

from jobs.market_calendar.sessions import ZONE_OF, sessions_frame
from jobs.parsing.raw_schema import RAW_ACTION_COLUMNS, RAW_BAR_COLUMNS, RAW_INSTRUMENT_COLUMNS
from jobs.parsing.yahoo import CALENDARS, parse_yahoo_actions, parse_yahoo_bars, parse_yahoo_instruments
from jobs.silver.bar_rules import validate_bars
from tests.builders.payloads import payload

CAPTURES = Path(__file__).resolve().parents[2] / "../shared/data/yahoo/chart_v8"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
NAMES = ("open", "high", "low", "close", "volume")
TEXTS = tuple(f"{name}_text" for name in ("timestamp", *NAMES))
META = {
    "symbol": "IBM",
    "currency": "USD",
    "exchangeName": "NYQ",
    "instrumentType": "EQUITY",
    "exchangeTimezoneName": "America/New_York",
    "dataGranularity": "1d",
}

Row = dict[str, Any]


def _body(**parts: Any) -> bytes:
    meta = {**META, **parts.pop("meta", {})}
    return json.dumps({"chart": {"result": [{"meta": meta, **parts}], "error": None}}).encode()


def _quote(**columns: Any) -> dict[str, Any]:
    return {"quote": [columns]}


def _one(value: Any, count: int = 1) -> dict[str, Any]:
    return _quote(**{name: [value] * count for name in NAMES})


def _payloads(spark: SparkSession, *rows: dict[str, Any]) -> DataFrame:
    names = ("provider", "dataset", "symbol", "interval", "fetched_at", "payload_id", "is_simulated", "body")
    kinds = ("string", "string", "string", "string", "timestamp", "string", "boolean", "binary")
    schema = ", ".join(f"{name} {kind}" for name, kind in zip(names, kinds, strict=True))
    return spark.createDataFrame([tuple(row[name] for name in names) for row in rows], schema)


def _landed(body: bytes, symbol: str = "IBM", interval: str = "1day", **fields: Any) -> dict[str, Any]:
    row = {"provider": "yahoo", "dataset": "daily", "symbol": symbol, "interval": interval}
    return payload(**{**row, "fetched_at": NOW, "body": body, **fields})


def _rows(frame_df: DataFrame) -> list[Row]:
    return [row.asDict() for row in frame_df.collect()]


@pytest.fixture(name="bars")
def _bars(spark: SparkSession) -> Callable[..., list[Row]]:
    """The bars of one body."""
    return lambda body, **fields: _rows(parse_yahoo_bars(_payloads(spark, _landed(body, **fields))))


def _capture(file: Path) -> bytes:
    """The body inside a recorded exchange, its numbers spelled as they are there."""
    text = file.read_text()
    at = text.index('"bodyJson":') + len('"bodyJson":')
    _, end = json.JSONDecoder().raw_decode(text[at:].lstrip())
    return text[at:].lstrip()[:end].encode()


def _held(body: bytes) -> list[tuple[str | None, ...]]:
    """What a body holds, read without the project: time, open, high, low, close, volume."""
    chart = json.loads(body, parse_float=str, parse_int=str)["chart"]["result"][0]
    quote = chart["indicators"]["quote"][0]
    times = chart.get("timestamp", [None] * len(quote.get("close", [])))
    return [(at, *(quote[name][i] for name in NAMES)) for i, at in enumerate(times)]


def _epoch(row: Row) -> str | None:
    """The text as received: daily bars of currencies and futures carry the date at the exchange instead."""
    text: str | None = row["timestamp_text"]
    if text is None or row["clock"] == "epoch_s":
        return text
    midnight = datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    hours = {"EURUSD": 0, "GC=F": 5}[row["symbol_text"]]
    return str(int(midnight) + hours * 3600)


NO_ROWS = "chart-AAPL-2025-02-01-to-2025-02-02-includePrePost-false-interval-1m.json"
COUNTS = {
    "historical-via-chart-MSFT-dividends-2021-02-01-to-2022-01-31.csv.json": 252,
    "historical-via-chart-0P0000XTS7-2024-09-12-to-2024-09-16.json": 2,
    "chart-WSU.DE-2023-08-04-to-2023-08-09.json": 3,
    **{f"{kind}-{name}-2020-01-01-to-2020-01-03.json": 3
       for kind in ("chart", "historical-via-chart") for name in ("BTC-USD", "EURUSD=X")},
    NO_ROWS: 0,
    "chart-TSLA-2025-01-01-to-2025-01-02-interval-1h.fake.json": 0,
}  # fmt: skip


def test_every_capture_becomes_the_bars_actions_and_instrument_it_holds(engine: SparkSession) -> None:
    files = sorted(CAPTURES.glob("*.json"))
    if not files:
        pytest.skip("the captures of Yahoo's bodies are not on this machine")
    bodies = {file.name: _capture(file) for file in files}
    symbols = {
        name: str(json.loads(body)["chart"]["result"][0]["meta"]["symbol"]).replace("EURUSD=X", "EURUSD")
        for name, body in bodies.items()
    }
    rows = [{**_landed(body, symbols[name]), "payload_id": name} for name, body in bodies.items()]
    payloads_df = _payloads(engine, *rows).cache()

    found: dict[str, list[Row]] = {name: [] for name in bodies}
    for row in _rows(parse_yahoo_bars(payloads_df)):
        found[row["payload_id"]].append(row)
    for name, body in bodies.items():
        bars = sorted(found[name], key=lambda row: int(row["position"].rpartition("/")[2] or 0))
        held = _held(body)
        assert len(held) == COUNTS.get(name, 1), name
        texts = [(_epoch(row), *(row[text] for text in TEXTS[1:])) for row in bars if row["position"] != "/"]
        assert texts == held, name
        assert len(bars) == max(1, len(held))
        if held:
            assert {row["symbol_text"] for row in bars} == {symbols[name]}
            assert {row["kind"] for row in bars} == {"candle"}
            assert all(row["calendar"] in CALENDARS for row in bars)

    actions = _rows(parse_yahoo_actions(payloads_df))
    dividends = sorted((row["ex_text"], row["amount_text"]) for row in actions)
    assert dividends == [
        ("2021-02-17", "0.56"),
        ("2021-05-19", "0.56"),
        ("2021-08-18", "0.56"),
        ("2021-11-17", "0.62"),
    ]
    assert {(row["symbol_text"], row["action"], row["currency"]) for row in actions} == {
        ("MSFT", "dividend", "USD")
    }
    names = {row["payload_id"]: row["name"] for row in _rows(parse_yahoo_instruments(payloads_df))}
    assert len(names) == len(bodies)
    assert names["chart-AAPL.json"] == "Apple Inc."


def test_every_real_bar_of_the_captures_is_usable_and_every_hand_made_one_is_not(spark: SparkSession) -> None:
    files = sorted(CAPTURES.glob("*.json"))
    if not files:
        pytest.skip("the captures of Yahoo's bodies are not on this machine")
    rows = []
    for file in files:
        stated = json.loads(_capture(file))["chart"]["result"][0]["meta"]["symbol"]
        landed = _landed(_capture(file), stated.replace("EURUSD=X", "EURUSD"))
        rows.append({**landed, "payload_id": file.name})
    raw_df = parse_yahoo_bars(_payloads(spark, *rows))
    calendars = {row["calendar"] for row in raw_df.select("calendar").distinct().collect()} - {None}
    sessions_df = sessions_frame(spark, calendars, date(2019, 12, 1), date(2025, 3, 1))
    validated = _rows(validate_bars(raw_df, sessions_df))
    refused = {row["payload_id"]: tuple(row["reasons"]) for row in validated if row["reasons"]}
    assert {name for name in refused if "fake" not in name} == {NO_ROWS}
    assert all("no_rows" in refused[name] for name in (file.name for file in files) if "fake" in name)


def test_the_columns_are_those_of_every_parser(spark: SparkSession) -> None:
    payloads_df = _payloads(spark, _landed(_body(timestamp=[1], indicators=_one(1))))
    assert tuple(parse_yahoo_bars(payloads_df).columns) == RAW_BAR_COLUMNS
    assert tuple(parse_yahoo_actions(payloads_df).columns) == RAW_ACTION_COLUMNS
    assert tuple(parse_yahoo_instruments(payloads_df).columns) == RAW_INSTRUMENT_COLUMNS


def test_a_bar_is_split_adjusted_and_read_by_epoch_seconds(bars: Any) -> None:
    (row,) = bars(_body(timestamp=[1709562600], indicators=_one(1.50)))
    expected = {
        "asset_class": "stock",
        "calendar": "XNYS",
        "adjustment": "split",
        "clock": "epoch_s",
        "kind": "candle",
        "position": "/chart/result/0/timestamp/0",
        "symbol_text": "IBM",
        "zone_text": None,
        "timestamp_text": "1709562600",
        "interval": "1day",
    }
    assert {name: row[name] for name in expected} == expected


def test_a_row_of_nulls_is_left_out_and_a_row_with_one_value_is_not(bars: Any) -> None:
    columns = {name: [1.5, None, None, 1.5] for name in NAMES} | {"volume": [1, None, 0, None]}
    rows = bars(_body(timestamp=[10, 20, 30, 40], indicators=_quote(**columns)))
    assert [(row["timestamp_text"], row["close_text"], row["volume_text"]) for row in rows] == [
        ("10", "1.5", "1"),
        ("30", None, "0"),
        ("40", "1.5", None),
    ]


def test_a_payload_of_nothing_but_nulls_is_still_there_as_a_row_without_a_time(bars: Any) -> None:
    (row,) = bars(_body(timestamp=[10, 20], indicators=_one(None, 2)), symbol="IBM")
    assert {row[name] for name in TEXTS} == {None}
    assert (row["symbol"], row["interval"]) == ("IBM", "1day")


def test_lists_of_unequal_length_lose_nothing(bars: Any) -> None:
    rows = bars(_body(timestamp=[10, 20], indicators=_quote(close=[1.5], volume=[1, 2, 3])))
    assert [tuple(row[name] for name in TEXTS) for row in rows] == [
        ("10", None, None, None, "1.5", "1"),
        ("20", None, None, None, None, "2"),
        (None, None, None, None, None, "3"),
    ]


def test_quotes_without_times_become_rows_without_times(bars: Any) -> None:
    rows = bars(_body(indicators=_one(2.5, 2)))
    assert [(row["timestamp_text"], row["close_text"]) for row in rows] == [(None, "2.5"), (None, "2.5")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[]",
        b"null",
        b'{"chart": null}',
        b'{"chart": {"result": null}}',
        b'{"chart": {"result": [null]}}',
        b'{"chart": {"result": [{"meta": 7, "timestamp": {}, "indicators": {"quote": [null]}}]}}',
    ],
)
def test_what_cannot_be_read_is_one_row_of_nulls(body: bytes, bars: Any) -> None:
    (row,) = bars(body)
    assert {row[name] for name in (*TEXTS, "symbol_text", "calendar")} == {None}
    assert (row["symbol"], row["position"]) == ("IBM", "/")


def test_numbers_keep_their_text_and_exponents_are_written_out(bars: Any) -> None:
    body = _body(timestamp=[10], indicators=_quote(close=[1.5], open=["@"])).replace(
        b'"@"', b"75.08750152587890000"
    )
    (row,) = bars(body.replace(b"1.5", b"7.999999797903001E-6"))
    assert (row["open_text"], row["close_text"]) == ("75.08750152587890000", "0.000007999999797903001")


def test_what_is_no_number_stays_as_text_for_the_rules(bars: Any) -> None:
    (row,) = bars(_body(timestamp=[10], indicators=_quote(open=[True], high=[[1]], low=["x"], close=[{}])))
    assert [row[f"{name}_text"] for name in NAMES] == ["true", '["1"]', "x", "{}", None]


@pytest.mark.parametrize(
    ("granularity", "interval"),
    [("1m", "1min"), ("5m", "5min"), ("60m", "60min"), ("1h", "60min"), ("1d", "1day"), ("1wk", "1wk")],
)
def test_the_interval_is_what_the_payload_says(granularity: str, interval: str, bars: Any) -> None:
    (row,) = bars(
        _body(meta={"dataGranularity": granularity}, timestamp=[10], indicators=_one(1)), interval="15min"
    )
    assert row["interval"] == interval


def test_without_a_granularity_the_interval_is_the_one_asked_for(bars: Any) -> None:
    (row,) = bars(_body(meta={"dataGranularity": None}, timestamp=[10], indicators=_one(1)), interval="15min")
    assert row["interval"] == "15min"


@pytest.mark.parametrize(
    ("stated", "requested", "expected"),
    [
        ("BRK-B", "BRK.B", "BRK.B"),
        ("BRK-B", "BRK-B", "BRK-B"),
        ("BF-A", "OTHER", "BF.A"),
        ("EURUSD=X", "EURUSD", "EURUSD"),
        ("JPY=X", "USDJPY", "USDJPY"),
        ("EURUSD=X", "EURUSD=X", "EURUSD=X"),
        ("BTC-USD", "BTC-USD", "BTC-USD"),
        ("OCDO.L", "OCDO.L", "OCDO.L"),
        ("META", "FB", "META"),
    ],
)
def test_the_symbol_is_told_in_the_spelling_of_the_watch_list(
    stated: str, requested: str, expected: str, bars: Any
) -> None:
    (row,) = bars(_body(meta={"symbol": stated}, timestamp=[10], indicators=_one(1)), symbol=requested)
    assert row["symbol_text"] == expected


@pytest.mark.parametrize(
    ("meta", "asset_class", "calendar"),
    [
        ({"exchangeName": "NMS"}, "stock", "XNYS"),
        ({"exchangeName": "PNK", "instrumentType": "MUTUALFUND"}, "fund", "XNYS"),
        ({"exchangeName": "SNP", "instrumentType": "INDEX"}, "index", "XNYS"),
        ({"exchangeName": "NSI", "exchangeTimezoneName": "Asia/Kolkata"}, "stock", "XBOM"),
        ({"exchangeName": "JPX", "exchangeTimezoneName": "Asia/Tokyo"}, "stock", "XTKS"),
        ({"exchangeName": "CME", "instrumentType": "FUTURE"}, "future", "CMES"),
        ({"exchangeName": "NYB", "instrumentType": "FUTURE"}, "future", None),
        ({"exchangeName": "SAU", "exchangeTimezoneName": "Asia/Riyadh"}, "stock", None),
        ({"exchangeName": "CCC", "instrumentType": "CRYPTOCURRENCY"}, "crypto", "24/7"),
        ({"exchangeName": "OPR", "instrumentType": "OPTION"}, "option", "XNYS"),
        ({"instrumentType": None, "exchangeName": None, "exchangeTimezoneName": None}, None, None),
    ],
)
def test_class_and_calendar_follow_the_type_and_the_exchange(
    meta: dict[str, Any], asset_class: str | None, calendar: str | None, bars: Any
) -> None:
    (row,) = bars(_body(meta=meta, timestamp=[10], indicators=_one(1)))
    assert (row["asset_class"], row["calendar"]) == (asset_class, calendar)


def test_every_calendar_that_can_be_named_exists_and_is_known_to_the_lakehouse() -> None:
    assert set(CALENDARS) <= set(exchange_calendars.get_calendar_names())
    assert set(CALENDARS) <= set(ZONE_OF)


def test_a_daily_rate_belongs_to_the_day_that_begins_at_midnight_in_london_in_summer_too(bars: Any) -> None:
    meta = {
        "instrumentType": "CURRENCY",
        "exchangeName": "CCY",
        "exchangeTimezoneName": "Europe/London",
        "symbol": "EURUSD=X",
    }
    # 2020-06-11T23:00Z and 2020-01-10T00:00Z
    rows = bars(
        _body(meta=meta, timestamp=[1591916400, 1578614400], indicators=_one(1.1, 2)), symbol="EURUSD"
    )
    assert [(row["clock"], row["timestamp_text"]) for row in rows] == [
        ("exchange", "2020-06-12"),
        ("exchange", "2020-01-10"),
    ]


# New York, 2024-03-04: 09:30 is 1709562600, 16:00 is 1709586000; the next day's session follows a day later.
TODAY = {"currentTradingPeriod": {"regular": {"start": 1709562600, "end": 1709586000}}}


def _at(epoch: int) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


def _kinds(rows: Iterable[Row]) -> list[str]:
    return [row["kind"] for row in rows]


def test_a_day_fetched_before_its_close_is_partial_and_after_it_a_candle(engine: SparkSession) -> None:
    body = _body(meta=TODAY, timestamp=[1709303400, 1709562600], indicators=_one(1.5, 2))
    fetched = [_landed(body, fetched_at=_at(at)) for at in (1709585999, 1709586000)]
    early, late = (_rows(parse_yahoo_bars(_payloads(engine, row))) for row in fetched)
    assert _kinds(early) == ["candle", "partial"]
    assert _kinds(late) == ["candle", "candle"]


def test_a_day_stamped_with_the_moment_and_not_with_its_open_is_partial_even_after_the_close(
    bars: Any,
) -> None:
    live = 1709586001
    body = _body(
        meta={**TODAY, "regularMarketTime": live}, timestamp=[1709303400, live], indicators=_one(1.5, 2)
    )
    assert _kinds(bars(body)) == ["candle", "partial"]


def test_a_minute_is_partial_while_it_lasts_and_the_price_of_the_moment_always(bars: Any) -> None:
    meta = {**TODAY, "dataGranularity": "1m", "regularMarketTime": 1709562777}
    body = _body(meta=meta, timestamp=[1709562660, 1709562720, 1709562777], indicators=_one(1.5, 3))
    assert _kinds(bars(body, fetched_at=_at(1709562770))) == ["candle", "partial", "partial"]
    assert _kinds(bars(body, fetched_at=NOW)) == ["candle", "candle", "partial"]


def test_an_hour_that_the_close_cuts_short_is_over_at_the_close(bars: Any) -> None:
    body = _body(
        meta={**TODAY, "dataGranularity": "1h"}, timestamp=[1709584200], indicators=_one(1.5)
    )  # 15:30 New York
    assert _kinds(bars(body, fetched_at=_at(1709585999))) == ["partial"]
    assert _kinds(bars(body, fetched_at=_at(1709586000))) == ["candle"]


def _actions(spark: SparkSession, events: dict[str, Any], **meta: Any) -> list[Row]:
    body = _body(timestamp=[10], indicators=_one(1), events=events, meta=meta)
    return _rows(parse_yahoo_actions(_payloads(spark, _landed(body))))


def test_every_kind_of_action_is_a_row_with_the_date_at_the_exchange(spark: SparkSession) -> None:
    # 2020-08-31T13:30Z; 1598918399 is the 31st in New York, the 1st of September nowhere but east of it
    events = {
        "dividends": {"1598880600": {"amount": 0.205, "date": 1598880600}},
        "splits": {"1598918399": {"date": 1598918399, "numerator": 4, "denominator": 1, "splitRatio": "4:1"}},
        "capitalGains": {"1598880600": {"amount": 1.1, "date": 1598880600}},
    }
    rows = _actions(spark, events)
    assert [
        tuple(
            row[name] for name in ("action", "ex_text", "numerator_text", "denominator_text", "amount_text")
        )
        for row in rows
    ] == [
        ("dividend", "2020-08-31", None, None, "0.205"),
        ("split", "2020-08-31", "4", "1", None),
        ("capital_gain", "2020-08-31", None, None, "1.1"),
    ]
    assert [row["currency"] for row in rows] == ["USD", None, "USD"]
    assert rows[1]["position"] == "/chart/result/0/events/splits/1598918399"


def test_odd_actions_are_kept_for_the_rules(spark: SparkSession) -> None:
    events = {
        "dividends": {"key": {"amount": 1, "date": 1598880600}, "none": {"amount": 3}, "null": None},
        "splits": {"1598880600": {"date": None, "numerator": 1, "denominator": 0}},
    }
    rows = _actions(spark, events)
    assert sorted(
        (row["position"].rpartition("/")[2], row["ex_text"], row["amount_text"], row["denominator_text"])
        for row in rows
    ) == [
        ("1598880600", "2020-08-31", None, "0"),
        ("key", "2020-08-31", "1", None),
        ("none", None, "3", None),
        ("null", None, None, None),
    ]


def test_two_actions_of_a_day_have_labels_that_do_not_depend_on_their_order(spark: SparkSession) -> None:
    events = {str(n): {"amount": n, "date": 1598880600} for n in range(1, 7)}
    expected = {("1", "cash"), *((str(n), f"cash {n}") for n in range(2, 7))}
    for listed in (events, dict(reversed(events.items())), {**events, "again": events["3"]}):
        rows = _actions(spark, {"dividends": listed})
        assert {(row["amount_text"], row["label"]) for row in rows} == expected
    (split,) = _actions(spark, {"splits": {"1598880600": {"numerator": 4, "denominator": 1}}})
    assert split["label"] == "split"


def test_an_unknown_zone_is_replaced_by_the_offset_and_nothing_by_no_date(spark: SparkSession) -> None:
    events = {"dividends": {"1598918400": {"amount": 1}}}  # 2020-09-01T00:00Z
    (by_offset,) = _actions(spark, events, exchangeTimezoneName="Mars/Base", gmtoffset=-14400)
    (unknown,) = _actions(spark, events, exchangeTimezoneName=None)
    assert (by_offset["ex_text"], unknown["ex_text"]) == ("2020-08-31", None)


def test_an_instrument_is_what_the_chart_says_it_is_about(spark: SparkSession) -> None:
    body = _body(meta={"longName": None, "shortName": "Int. Bus. Mach."}, timestamp=[10])
    (row,) = _rows(parse_yahoo_instruments(_payloads(spark, _landed(body))))
    expected = {
        "symbol_text": "IBM",
        "name": "Int. Bus. Mach.",
        "asset_class": "stock",
        "exchange": "NYQ",
        "currency": "USD",
        "status": "active",
        "isin": None,
        "valid_from_text": None,
    }
    assert {name: row[name] for name in expected} == expected


def test_other_datasets_are_left_alone(spark: SparkSession) -> None:
    payloads_df = _payloads(spark, _landed(_body(timestamp=[10], indicators=_one(1)), dataset="other"))
    for parse in (parse_yahoo_bars, parse_yahoo_actions, parse_yahoo_instruments):
        assert _rows(parse(payloads_df)) == []
