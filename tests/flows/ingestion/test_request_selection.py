"""The requests and queries of a run."""

from datetime import date
from typing import Any

import pytest
from pydantic import SecretStr

from config.load import ConfigError
from config.secrets import Secrets
from config.settings import Settings
from flows.handlers.models import Query
from flows.ingestion.registry import SOURCES
from flows.ingestion.request_selection import (
    latest_requests,
    providers_missing_credentials,
    queries,
    range_requests,
    require_credentials,
)
from flows.ingestion.source import FetchRequest
from jobs.runs.errors import PlanError

FIRST, LAST = date(2009, 11, 30), date(2010, 2, 1)


def settings(plan: str = "premium", **fields: Any) -> Settings:
    listed = {"stocks": ["AAPL", "IBM"], "fx": ["EURUSD"]}
    return Settings.model_validate(
        {"watch_list": listed, "providers": {"alphavantage": {"plan": plan}}, **fields}
    )


def test_a_latest_run_requests_every_dataset_of_the_plan() -> None:
    assert [request.dataset for request in latest_requests(settings())] == [
        "daily",
        "intraday",
        "overview",
        "fx_daily",
    ]
    assert [request.dataset for request in latest_requests(settings("free"))] == [
        "daily",
        "overview",
        "fx_daily",
    ]


def test_a_latest_request_covers_the_watch_list_of_its_asset_type_in_its_order() -> None:
    assert queries(FetchRequest("alphavantage", "daily"), settings(), LAST) == [
        Query("daily", "AAPL"),
        Query("daily", "IBM"),
    ]
    assert queries(FetchRequest("alphavantage", "fx_daily"), settings(), LAST) == [
        Query("fx_daily", "EURUSD")
    ]


def test_a_latest_intraday_request_has_one_query_per_symbol_and_interval() -> None:
    found = queries(FetchRequest("alphavantage", "intraday"), settings(intervals=["1min", "5min"]), LAST)
    assert [(query.symbol, query.interval, query.month) for query in found] == [
        ("AAPL", "1min", None),
        ("AAPL", "5min", None),
        ("IBM", "1min", None),
        ("IBM", "5min", None),
    ]


def test_a_range_of_intraday_bars_is_requested_month_by_month_across_the_year() -> None:
    found = queries(FetchRequest("alphavantage", "intraday", ("AAPL",), FIRST, LAST), settings(), LAST)
    assert [query.month for query in found] == ["2009-11", "2009-12", "2010-01", "2010-02"]
    assert all(query.is_full for query in found)


@pytest.mark.parametrize(("plan", "is_full"), [("premium", True), ("unmetered", True), ("free", False)])
def test_a_range_of_days_requests_the_whole_history_if_the_plan_has_it(plan: str, is_full: bool) -> None:
    assert queries(FetchRequest("alphavantage", "daily", ("AAPL",), FIRST, LAST), settings(plan), LAST) == [
        Query("daily", "AAPL", is_full=is_full)
    ]


def test_a_symbol_that_is_named_twice_is_requested_once() -> None:
    assert len(queries(FetchRequest("alphavantage", "daily", ("KO", "KO")), settings(), LAST)) == 1


def test_a_symbol_is_requested_in_capitals() -> None:
    assert queries(FetchRequest("alphavantage", "daily", ("ko", "KO")), settings(), LAST) == [
        Query("daily", "KO")
    ]


def test_an_empty_watch_list_requests_nothing() -> None:
    assert queries(FetchRequest("alphavantage", "daily"), Settings(), LAST) == []


def test_a_backfill_requests_its_datasets_with_its_range() -> None:
    assert range_requests(settings(), FIRST, LAST, ["daily", "intraday"], ["KO"]) == (
        FetchRequest("alphavantage", "daily", ("KO",), FIRST, LAST),
        FetchRequest("alphavantage", "intraday", ("KO",), FIRST, LAST),
    )
    assert range_requests(settings(), FIRST, FIRST, ["daily"], None)[0].symbols is None


@pytest.mark.parametrize(
    ("plan", "first", "last", "dataset", "said"),
    [
        ("premium", LAST, FIRST, "daily", "begins on 2010-02-01 and ends on 2009-11-30"),
        (
            "premium",
            FIRST,
            LAST,
            "overview",
            "no history of 'overview'; there is daily, intraday, fx_daily, crypto_daily, news",
        ),
        ("free", FIRST, LAST, "intraday", "the subscription plan 'free' has no intraday data"),
    ],
)
def test_an_impossible_range_is_refused(plan: str, first: date, last: date, dataset: str, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        range_requests(settings(plan), first, last, [dataset], None)


@pytest.mark.parametrize(
    ("dataset", "start", "said"),
    [
        (
            "daily",
            date(2009, 9, 4),
            "from 2009-09-09 on; the range has 2 earlier sessions, 2009-09-04 to 2009-09-08",
        ),
        (
            "daily",
            date(2009, 8, 3),
            "26 earlier sessions, 2009-08-03 to 2009-09-08: start at 2009-09-09",
        ),
        ("fx_daily", date(2009, 9, 11), "fx_daily, from 2009-09-15 on; the range has 2 earlier sessions"),
        (
            "crypto_daily",
            date(2009, 10, 24),
            "crypto_daily, from 2009-10-25 on; the range has 1 earlier sessions",
        ),
    ],
)
def test_a_free_key_is_refused_sessions_that_it_does_not_get(dataset: str, start: date, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        range_requests(settings("free"), start, LAST, [dataset], None, today=LAST)


@pytest.mark.parametrize(
    ("dataset", "start"),
    [
        ("daily", date(2009, 9, 9)),
        ("crypto_daily", date(2009, 10, 25)),
        ("news", date(2009, 1, 1)),
    ],
)
def test_a_free_key_can_request_the_newest_hundred_sessions(dataset: str, start: date) -> None:
    assert range_requests(settings("free"), start, LAST, [dataset], None, today=LAST)


def test_the_newest_sessions_of_a_free_key_are_counted_from_today_whatever_the_range_ends_with() -> None:
    week = (date(2009, 9, 14), date(2009, 9, 18))
    assert range_requests(settings("free"), *week, ["daily"], None, today=LAST)
    with pytest.raises(PlanError, match="the range has 5 earlier sessions"):
        range_requests(settings("free"), *week, ["daily"], None, today=date(2010, 9, 1))


def providers(**datasets: list[str]) -> Settings:
    """Settings that use these providers."""
    return Settings.model_validate(
        {"providers": {name: {"datasets": some} for name, some in datasets.items()}}
    )


def secrets(monkeypatch: pytest.MonkeyPatch, **keys: str) -> Secrets:
    """These secrets and no others, whatever the environment has."""
    for manifest in (source.manifest for source in SOURCES.values()):
        for name in manifest.secrets:
            monkeypatch.delenv(name, raising=False)
    return Secrets(_env_file=None).model_copy(update={name: SecretStr(key) for name, key in keys.items()})


def test_every_provider_that_misses_credentials_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    used = providers(alphavantage=["daily"], yahoo=["daily"], massive=["trades_v1"], bse=["bhavcopy"])
    none = providers_missing_credentials(used, secrets(monkeypatch), latest_requests(used))
    assert [each.provider for each in none] == ["alphavantage", "massive"]
    half = providers_missing_credentials(
        used, secrets(monkeypatch, massive_access_key_id="an-id"), latest_requests(used)
    )
    assert "MASSIVE_SECRET_ACCESS_KEY are not both set" in half[1].reason
    keys = {"massive_access_key_id": "an-id", "massive_secret_access_key": "a-key"}
    assert (
        providers_missing_credentials(
            used, secrets(monkeypatch, **keys), [FetchRequest("massive", "trades_v1")]
        )
        == ()
    )


@pytest.mark.parametrize(
    ("plan", "lacking"), [("public", []), ("demo", ["coingecko"]), ("pro", ["coingecko"])]
)
def test_coingecko_needs_its_key_on_the_plans_that_have_one(
    monkeypatch: pytest.MonkeyPatch, plan: str, lacking: list[str]
) -> None:
    used = Settings.model_validate({"providers": {"coingecko": {"plan": plan, "datasets": ["markets"]}}})
    found = providers_missing_credentials(used, secrets(monkeypatch), [FetchRequest("coingecko", "markets")])
    assert [each.provider for each in found] == lacking


def test_a_run_without_credentials_for_any_provider_is_refused_and_others_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nobody = secrets(monkeypatch)
    with pytest.raises(ConfigError, match=r"^ALPHAVANTAGE_API_KEY is not set: .*; MASSIVE_ACCESS_KEY_ID and"):
        require_credentials(providers(massive=["trades_v1"]), nobody)
    require_credentials(providers(yahoo=["daily"]), nobody)
    require_credentials(providers(alphavantage=[]), nobody)
    require_credentials(providers(), secrets(monkeypatch, alphavantage_api_key="a-key"))
