"""Adjusted prices compared with the providers' own adjusted prices, where their captures exist."""

import csv
import json
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from delta_tables.storage.lake import Lake
from delta_tables.views.adjusted_bars import split_adjusted_sql, total_adjusted_sql
from tests.builders.adjusted_rows import Row, bar_row, dividend_row, split_row
from tests.delta_tables.test_adjusted_views import rows, store

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
ALPHA = DATA / "alphavantage" / "portfoliotree_csv_json"
YAHOO = DATA / "yahoo" / "chart_v8"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the captures are not beside this checkout")
FETCHED: Row = {"known_from": datetime(2026, 5, 16, tzinfo=UTC)}
AAPL_SPLITS = {"2000-06-21": "2", "2005-02-28": "2", "2014-06-09": "7", "2020-08-31": "4"}


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def by_day(found: Iterable[Mapping[str, Any]]) -> dict[date, Mapping[str, Any]]:
    return {row["trade_dt"]: row for row in found}


def test_alpha_vantages_adjusted_close_equals_the_total_view_of_its_own_dividends(lake: Lake) -> None:
    days = lines(ALPHA / "time_series" / "TIME_SERIES_DAILY_ADJUSTED_572d0539.csv")
    dividends = lines(ALPHA / "fundamental" / "DIVIDENDS_5b9f5d9f.csv")
    splits = lines(ALPHA / "fundamental" / "SPLITS_358e2618.csv")
    store(
        lake,
        [bar_row(each["timestamp"], each["close"], **FETCHED) for each in days],
        [dividend_row(each["ex_dividend_date"], each["amount"], **FETCHED) for each in dividends]
        + [split_row(each["effective_date"], each["split_factor"], **FETCHED) for each in splits],
    )
    found = by_day(rows(lake, total_adjusted_sql))
    apart = [
        abs(float(found[date.fromisoformat(each["timestamp"])]["close"]) / float(each["adjusted_close"]) - 1)
        for each in days
    ]
    assert len(apart) == 100
    # Alpha Vantage takes the close of the ex-date itself, C / (C + amount): 1.69 of 229.76, not of 231.31
    assert 0 < max(apart) < 1e-4
    assert len({row["dividend_factor"] for row in found.values()}) > 1


def test_yahoos_adjusted_close_equals_the_total_view_of_its_own_dividends(lake: Lake) -> None:
    chart = chart_of("historical-via-chart-MSFT-dividends-2021-02-01-to-2022-01-31.csv.json")
    known: Row = {"known_from": datetime(2022, 3, 1, tzinfo=UTC), "provider": "yahoo"}
    days = [day_of(each) for each in chart["timestamp"]]
    closes = chart["indicators"]["quote"][0]["close"]
    adjusted = chart["indicators"]["adjclose"][0]["adjclose"]
    paid = [(day_of(each["date"]), str(each["amount"])) for each in chart["events"]["dividends"].values()]
    store(
        lake,
        [
            bar_row(day, f"{close:.12f}", **known, adjustment="split")
            for day, close in zip(days, closes, strict=True)
        ],
        [dividend_row(day, amount, **known) for day, amount in paid],
    )
    found = rows(lake, total_adjusted_sql)
    later = adjusted[-1] / closes[-1]  # what was paid after the last of these days is in adjclose too
    apart = [abs(float(row["close"]) * later / own - 1) for row, own in zip(found, adjusted, strict=True)]
    assert len(paid) == 4
    assert max(apart) < 2e-5


def test_raw_prices_of_apple_become_yahoos_close_of_years_later(lake: Lake) -> None:
    archive = DATA / "lean" / "equity" / "usa" / "daily" / "aapl.zip"
    text = zipfile.ZipFile(archive).read("aapl.csv").decode().splitlines()
    told = [line.split(",") for line in text]
    days = {f"{day[:4]}-{day[4:6]}-{day[6:8]}": cells for day, *cells in told}
    bars = [
        bar_row(day, str(Decimal(cells[3]) / 10_000), volume=Decimal(cells[4])) for day, cells in days.items()
    ]
    store(lake, bars, [split_row(day, ratio) for day, ratio in AAPL_SPLITS.items()])
    found = by_day(rows(lake, split_adjusted_sql))
    chart = chart_of("chart-AAPL-2020-01-01-to-2020-01-03.json")
    own = dict(zip(map(day_of, chart["timestamp"]), chart["indicators"]["quote"][0]["close"], strict=True))
    assert len(found) > 5000
    assert own
    for day, close in own.items():
        assert float(found[date.fromisoformat(day)]["close"]) == pytest.approx(close, abs=5e-5)
    for split, before in splits_and_days_before(found).items():
        assert abs(float(found[split]["open"] / found[before]["close"]) - 1) < 0.15, split
    assert found[date(1998, 1, 2)]["split_ratio"] == 112


def splits_and_days_before(found: Mapping[date, Any]) -> dict[date, date]:
    dates = sorted(found)
    return {
        split: dates[dates.index(split) - 1]
        for split in map(date.fromisoformat, AAPL_SPLITS)
        if split in found
    }


def chart_of(name: str) -> dict[str, Any]:
    """The chart of a recorded answer."""
    answer = json.loads((YAHOO / name).read_text(encoding="utf-8"))["response"]
    chart: dict[str, Any] = answer["bodyJson"]["chart"]["result"][0]
    return chart


def day_of(epoch: int) -> str:
    """The date in New York of an instant inside its session."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=epoch, hours=-5)).date().isoformat()
