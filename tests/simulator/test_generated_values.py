"""Generated fundamentals and exchange rates are consistent with published prices."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from flows.simulator.alphavantage.endpoints import query_body
from flows.simulator.alphavantage.time_series import AlphaVantageQuery
from flows.simulator.market.fx_rates import fx_bars
from flows.simulator.market.market import Market
from flows.simulator.market.real_prices import load_histories

END = datetime(2010, 8, 21, tzinfo=UTC)
FIRST, LAST = date(2009, 8, 21), date(2010, 8, 20)


def overview(symbol: str, now: datetime = END) -> dict[str, str]:
    body: dict[str, str] = json.loads(
        query_body(AlphaVantageQuery("OVERVIEW", symbol), Market(0), now).content
    )
    return body


def test_price_over_earnings_is_the_latest_published_close_over_eps() -> None:
    for now in (datetime(2010, 1, 5, tzinfo=UTC), END):
        fields = overview("IBM", now)
        close = Market(0).daily_bars("IBM", now)[-1].close
        assert fields["PERatio"] == f"{close / Decimal(fields['EPS']):.2f}"


def test_losses_and_unknown_earnings_have_no_price_over_earnings() -> None:
    market = Market(0)
    bodies = [
        json.loads(query_body(AlphaVantageQuery("OVERVIEW", symbol), market, END).content)
        for symbol in load_histories()
    ]
    losses = [body for body in bodies if body["EPS"] != "None" and Decimal(body["EPS"]) <= 0]
    unknown = [body for body in bodies if body["EPS"] == "None"]

    assert 10 < len(losses) < 60
    assert unknown
    assert {body["PERatio"] for body in (*losses, *unknown)} == {"None"}


def test_the_latest_quarter_is_the_last_one_reported() -> None:
    assert overview("IBM", datetime(2009, 8, 25, tzinfo=UTC))["LatestQuarter"] == "2009-06-30"
    assert overview("IBM", datetime(2010, 1, 29, tzinfo=UTC))["LatestQuarter"] == "2009-09-30"
    assert overview("IBM", datetime(2010, 2, 2, tzinfo=UTC))["LatestQuarter"] == "2009-12-31"


def test_an_overview_has_the_real_keys_in_their_order(captures: Path) -> None:
    (capture,) = (captures / "portfoliotree_csv_json/fundamental").glob("OVERVIEW*")
    real = list(json.loads(capture.read_text()))

    simulated = list(overview("IBM"))

    assert simulated == [key for key in real if key in simulated]
    assert all(isinstance(value, str) for value in overview("IBM").values())


def test_an_unknown_symbol_has_an_empty_overview() -> None:
    assert overview("NOSUCH") == {}


def test_exchange_rates_have_a_valid_bar_every_weekday() -> None:
    bars = fx_bars(0, "EUR", "USD", FIRST, LAST)

    assert len(bars) == 261
    assert all(bar.trade_dt.weekday() < 5 for bar in bars)
    assert all(
        0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars
    )


def test_cross_rates_agree() -> None:
    eur_usd, usd_jpy, eur_jpy = (
        fx_bars(0, base, quote, FIRST, LAST)[-1].close
        for base, quote in (("EUR", "USD"), ("USD", "JPY"), ("EUR", "JPY"))
    )

    assert abs(eur_usd * usd_jpy / eur_jpy - 1) < Decimal("0.0001")
