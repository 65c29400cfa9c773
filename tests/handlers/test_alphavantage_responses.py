"""Every known response of Alpha Vantage is classified correctly."""

import json
from pathlib import Path

import pytest

from flows.handlers.alphavantage.responses import LISTING_HEADER, classify_response
from flows.handlers.errors import ErrorClass

CAPTURES = Path(__file__).resolve().parents[2] / "../shared/data/alphavantage"
needs_captures = pytest.mark.skipif(not CAPTURES.exists(), reason="the captures are not in this checkout")

BURST = (
    "Thank you for using Alpha Vantage! Please consider spreading out your free API requests more sparingly "
    "(1 request per second). You may subscribe to any of the premium plans to lift the free key rate limit "
    "(25 requests per day), raise the per-second burst limit, and instantly unlock all premium endpoints"
)
SENTENCES = [
    ("Information", BURST, ErrorClass.too_fast),
    (
        "Note",
        "Our standard API call frequency is 5 calls per minute and 500 a day.",
        ErrorClass.too_fast,
    ),
    (
        "Information",
        "We have detected your API key as K and our standard API rate limit is 25 requests per day. Please "
        "subscribe to any of the premium plans to instantly remove all daily rate limits.",
        ErrorClass.quota_exhausted,
    ),
    (
        "Information",
        "This is a premium endpoint. You may subscribe to any premium plan to lift the free key rate limit "
        "(25 requests per day)",
        ErrorClass.not_entitled,
    ),
    (
        "Information",
        "The outputsize=full parameter value is a premium feature for this endpoint.",
        ErrorClass.not_entitled,
    ),
    ("Error Message", "the parameter apikey is invalid or missing.", ErrorClass.bad_credentials),
    ("Information", "the parameter apikey is invalid or missing.", ErrorClass.bad_credentials),
    ("Information", "The **demo** API key is for demo purposes only.", ErrorClass.bad_credentials),
    ("Error Message", "The series encountered an internal or external error - sorry", ErrorClass.unavailable),
    ("Error Message", "Invalid API call. Please retry", ErrorClass.bad_symbol),
    ("Information", "Invalid inputs. Please refer to the API documentation", ErrorClass.bad_symbol),
    ("Information", "No articles found. Please adjust the time range", ErrorClass.no_data),
    ("Information", "From Monday on all requests must be signed.", ErrorClass.malformed),
]


@pytest.mark.parametrize(("key", "sentence", "expected"), SENTENCES)
def test_a_sentence_gives_its_class(key: str, sentence: str, expected: ErrorClass) -> None:
    assert classify_response(json.dumps({key: sentence}).encode(), "application/json") is expected


def test_an_unknown_sentence_beside_data_is_malformed() -> None:
    body = json.dumps({"Information": "preliminary", "Time Series (Daily)": {"2024-01-02": {}}}).encode()
    assert classify_response(body, "application/json") is ErrorClass.malformed


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{}", ErrorClass.no_data),
        (b'{"Meta Data": {"2. Symbol": "IBM"}}', ErrorClass.no_data),
        (b'{"Meta Data": {}, "Time Series (Daily)": {}}', ErrorClass.no_data),
        (b'{"Time Series (Daily)": {"2024-01-02": {"1. open": "1.0"', ErrorClass.malformed),
        (b"<!doctype html><h1>Maintenance</h1>", ErrorClass.malformed),
        (b"", ErrorClass.malformed),
        (b"[1, 2]", ErrorClass.malformed),
        (b'{"a":' * 100_000, ErrorClass.malformed),
        (b'{"something": "else"}', ErrorClass.malformed),
        (b'{"Symbol": "\xff\xfe"}', ErrorClass.malformed),
        (b"timestamp,open,high,low,close,volume\r\n", ErrorClass.no_data),
        (b"timestamp,open,high,low,close,volume\r\n2024-01-02,1,2,0.5,1.5,10\r\n", None),
        (b"timestamp,open,high,low,close,volume\r\n2024-01-02,1,2,0.", ErrorClass.malformed),
        (b"error,who,knows\r\n1,2,3\r\n", ErrorClass.malformed),
        (b'{"items": "0", "feed": []}', None),
        (b'{"items": "1", "feed": {}}', ErrorClass.malformed),
        (b'{"symbol": "IBM", "data": []}', None),
        (b'{"symbol": "IBM", "data": [{"effective_date": "1999-05-27"}]}', None),
        (b'{"symbol": "IBM", "data": "none"}', ErrorClass.malformed),
        (b'{"endpoint": "options", "data": []}', ErrorClass.malformed),
        (b"effective_date,split_factor\r\n", None),
        (b"effective_date,split_factor\r\n1999-05-27,2.0000\r\n", None),
        (b"effective_date,split_factor\r\n1999-05", ErrorClass.malformed),
        (b"symbol,name,exchange,assetType,ipoDate,delistingDate,status\r\n", ErrorClass.no_data),
        (
            b"symbol,name,exchange,assetType,ipoDate,delistingDate,status\n"
            b'X,"S, Inc",N,Stock,1991-04-12,null,Active',
            None,
        ),
    ],
)
def test_a_body_without_a_sentence_gives_its_class(body: bytes, expected: ErrorClass | None) -> None:
    assert classify_response(body, "application/json") is expected


def test_a_series_other_than_the_requested_one_is_malformed() -> None:
    body = b'{"Meta Data": {}, "Time Series (1min)": {"2024-01-02 09:30:00": {}}}'
    assert classify_response(body, "application/json", data_key="Time Series (1min)") is None
    assert classify_response(body, "application/json", data_key="Time Series (5min)") is ErrorClass.malformed


@pytest.mark.parametrize(
    ("body", "data_key", "expected"),
    [
        (b'{"symbol": "IBM", "data": []}', "data", None),
        (b'{"items": "0", "feed": []}', "feed", None),
        (b'{"items": "0", "feed": []}', "data", ErrorClass.malformed),
        (b'{"symbol": "IBM", "data": []}', "feed", ErrorClass.malformed),
        (b"{}", "data", ErrorClass.no_data),
        (b"effective_date,split_factor\n", "data", None),
        (b"effective_date,split_factor\n", "feed", ErrorClass.malformed),
        (b"timestamp,open,high,low,close\n2024-01-02,1,1,1,1\n", "data", ErrorClass.malformed),
        (b"timestamp,open,high,low,close\n2024-01-02,1,1,1,1\n", "Symbol", ErrorClass.malformed),
        (b"timestamp,open,high,low,close\n2024-01-02,1,1,1,1\n", LISTING_HEADER, ErrorClass.malformed),
        (b"{}", LISTING_HEADER, ErrorClass.no_data),
    ],
)
def test_data_of_another_dataset_is_not_data_of_the_requested_one(
    body: bytes, data_key: str, expected: ErrorClass | None
) -> None:
    assert classify_response(body, "application/json", data_key) is expected


def test_html_with_its_content_type_is_malformed_even_if_it_looks_like_csv() -> None:
    body = b"timestamp,open,high,low,close\n2024-01-02,1,1,1,1\n"
    assert classify_response(body, "text/csv") is None
    assert classify_response(body, "text/html; charset=utf-8") is ErrorClass.malformed


@needs_captures
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("information_burst_1_per_second", ErrorClass.too_fast),
        ("note_5_per_minute_2020", ErrorClass.too_fast),
        ("information_25_per_day_generic", ErrorClass.quota_exhausted),
        ("information_daily_limit_names_the_key", ErrorClass.quota_exhausted),
        ("error_apikey_missing", ErrorClass.bad_credentials),
        ("information_demo_key_old_wording", ErrorClass.bad_credentials),
        ("error_invalid_call", ErrorClass.bad_symbol),
        ("error_internal_2017", ErrorClass.unavailable),
    ],
)
def test_a_captured_error_gives_its_class(name: str, expected: ErrorClass) -> None:
    body = (CAPTURES / "errors" / f"{name}.json").read_bytes()
    assert classify_response(body, "application/json", data_key="Time Series (5min)") is expected


@needs_captures
def test_every_captured_error_has_a_case() -> None:
    unexpected = [
        path.name
        for path in (CAPTURES / "errors").iterdir()
        if classify_response(path.read_bytes(), "application/json") in {None, ErrorClass.malformed}
    ]
    assert unexpected == []


@needs_captures
@pytest.mark.parametrize(
    ("path", "data_key"),
    [
        ("romeltorres/mock_time_series", "Time Series (1min)"),
        ("romeltorres/mock_company_overview", "Symbol"),
        ("romeltorres/mock_time_series_extended", None),
        ("crazzyghost_truncated/timeseries/intraday.json", "Time Series (5min)"),
        ("crazzyghost_truncated/timeseries/daily.json", "Time Series (Daily)"),
        ("crazzyghost_truncated/forex/daily.json", "Time Series FX (Daily)"),
        ("crazzyghost_truncated/fundamentaldata/companyoverview.json", "Symbol"),
        ("portfoliotree_csv_json/fundamental/OVERVIEW_b1e86153.json", "Symbol"),
        ("crazzyghost_truncated/forex/intraday.json", "Time Series FX (5min)"),
        ("crazzyghost_truncated/crypto/daily.json", "Time Series (Digital Currency Daily)"),
        (
            "crazzyghost_truncated/crypto/daily_2020_old_dual_currency_format.json",
            "Time Series (Digital Currency Daily)",
        ),
        ("crazzyghost_truncated/crypto/intraday.json", "Time Series Crypto (5min)"),
        ("crazzyghost_truncated/timeseries/dailyadjusted.json", "Time Series (Daily)"),
        ("portfoliotree_csv_json/intelligence/NEWS_SENTIMENT_37784e1e.json", "feed"),
        ("portfoliotree_csv_json/fundamental/SPLITS_358e2618.csv", None),
        ("portfoliotree_csv_json/fundamental/DIVIDENDS_5b9f5d9f.csv", None),
        ("portfoliotree_csv_json/fundamental/LISTING_STATUS_42ba3c24.csv", None),
        ("portfoliotree_csv_json/testdata/listing_status.csv", None),
        ("portfoliotree_csv_json/forex/FX_INTRADAY_f0be5c32.csv", None),
        ("portfoliotree_csv_json/crypto/CRYPTO_INTRADAY_38f15660.csv", None),
        ("portfoliotree_csv_json/crypto/DIGITAL_CURRENCY_DAILY_ffab6e21.csv", None),
        ("portfoliotree_csv_json/time_series/TIME_SERIES_DAILY_ADJUSTED_572d0539.csv", None),
        ("portfoliotree_csv_json/time_series/TIME_SERIES_INTRADAY_3dbdcdc7.csv", None),
        ("portfoliotree_csv_json/time_series/TIME_SERIES_DAILY_42a08190.csv", None),
        ("portfoliotree_csv_json/forex/FX_DAILY_b7946c44.csv", None),
        ("portfoliotree_csv_json/testdata/intraday_5min_IBM.csv", None),
    ],
)
def test_a_capture_of_data_is_data(path: str, data_key: str | None) -> None:
    is_csv = data_key is None
    body = (CAPTURES / path).read_bytes()
    assert (
        classify_response(body, "application/x-download" if is_csv else "application/json", data_key) is None
    )
    assert classify_response(body[: len(body) // 2 - 3], "", data_key) is ErrorClass.malformed


@needs_captures
@pytest.mark.parametrize(
    "path",
    [
        "portfoliotree_csv_json/options/REALTIME_OPTIONS_e1db0de5.json",
        "portfoliotree_csv_json/time_series/REALTIME_BULK_QUOTES_505ed5cc.json",
        "crazzyghost_truncated/timeseries/realtimebulkquote.json",
    ],
)
def test_artificial_sample_data_is_a_refusal(path: str) -> None:
    assert classify_response((CAPTURES / path).read_bytes(), "application/json") is ErrorClass.not_entitled
