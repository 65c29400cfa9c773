"""Gold's figures across a split, and that it does not matter when the split was learned."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.content_hash import content_hash
from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.gold import DAILY_KPIS, STOCK_OVERVIEW
from delta_tables.tables.silver import BARS
from tests.builders.lakes import build_lake, hashes, land_rows
from tests.builders.payloads import DAYS, Bar, at, daily, payload

EX = DAYS[4]
EVENING_BEFORE = datetime(2010, 8, 18, 1, tzinfo=UTC)  # of the day before in New York
CLOSES = ("50", "51", "50.5", "51.5", "51", "52", "51.5")
FIGURES = ("price_change_pct", "volatility_score", "volume_spike_pct")


def series(closes: Sequence[str], volumes: Sequence[int]) -> dict[str, Bar]:
    return {
        day: (close, close, close, close, str(volume))
        for day, close, volume in zip(DAYS, closes, volumes, strict=True)
    }


def as_traded(ratio: int) -> dict[str, Bar]:
    """CLOSES as they would have been traded with a split of `ratio` for one on EX, 2000 new shares a day."""
    old = [str(Decimal(close) * ratio) for close in CLOSES[:4]]
    return series([*old, *CLOSES[4:]], [2000 // ratio] * 4 + [2000, 2000, 4000])


def splits(symbol: str, *splits: tuple[str, str], hours: float = 1) -> dict[str, Any]:
    data = [{"effective_date": day, "split_factor": factor} for day, factor in splits]
    body = {"symbol": symbol, "data": data}
    return payload(dataset="splits", symbol=symbol, fetched_at=at(hours), body=body)


def yahoo(symbol: str, bars: Mapping[str, Bar], fetched_at: datetime) -> dict[str, Any]:
    """A chart of Yahoo's, without events."""
    times = [int(datetime.fromisoformat(f"{day}T13:30:00+00:00").timestamp()) for day in bars]
    columns = zip(*bars.values(), strict=True)
    names = ("open", "high", "low", "close", "volume")
    quote = {name: [float(value) for value in column] for name, column in zip(names, columns, strict=True)}
    meta = {"symbol": symbol, "currency": "USD", "exchangeName": "NYQ", "instrumentType": "EQUITY"}
    meta |= {"exchangeTimezoneName": "America/New_York", "dataGranularity": "1d"}
    chart = {"meta": meta, "timestamp": times, "indicators": {"quote": [quote]}}
    body = {"chart": {"result": [chart], "error": None}}
    row = {"provider": "yahoo", "dataset": "daily", "symbol": symbol, "interval": "1day"}
    return payload(**row, fetched_at=fetched_at, body=body)


def yahoos(symbol: str) -> list[dict[str, Any]]:
    """Two fetches, on the evening before the split and days after it: the second restates two days."""
    restated = series(CLOSES, [2000] * 6 + [4000])
    early = dict(list(as_traded(2).items())[:4])
    late = dict(list(restated.items())[2:])
    return [yahoo(symbol, early, EVENING_BEFORE), yahoo(symbol, late, at(0))]


def rows_of(lake: Lake, table: Table, symbol: str) -> list[Mapping[str, Any]]:
    found = read_rows(lake, table, where=f"symbol = '{symbol}'").sort_by("trade_dt")
    return list(found.to_pylist())


@pytest.fixture(scope="module")
def split_lake(engine: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """One company as traded before and after a split, its twin that never split, and one nobody explains."""
    lake = Lake(str(tmp_path_factory.mktemp("splits") / "lake"))
    land_rows(
        lake,
        [
            daily("SPLIT", as_traded(2)),
            daily("TWIN", series(CLOSES, [2000] * 6 + [4000])),
            daily("UNEXPLAINED", as_traded(2)),
            splits("SPLIT", (EX, "2.0000"), ("1999-05-27", "3.0000")),
            *yahoos("RESTATED"),
            splits("RESTATED", (EX, "2.0000")),
        ],
    )
    build_lake(engine, lake)
    return lake


def test_a_figure_across_a_split_is_that_of_the_same_shares(split_lake: Lake) -> None:
    split, twin = (rows_of(split_lake, STOCK_OVERVIEW, symbol) for symbol in ("SPLIT", "TWIN"))
    for name in FIGURES:
        assert [row[name] for row in split] == [row[name] for row in twin], name
    for name in ("price_change", "7d_avg"):
        assert [row[name] for row in split][4:] == [row[name] for row in twin][4:], name


def test_bars_that_were_adjusted_when_they_were_fetched_are_not_adjusted_twice(split_lake: Lake) -> None:
    days = rows_of(split_lake, DAILY_KPIS, "RESTATED")
    assert [row["close"] for row in days][:3] == [Decimal(100), Decimal(102), Decimal("50.5")]
    assert [str(row["basis_dt"]) for row in days] == ["2010-08-17"] * 2 + ["2010-08-20"] * 5
    split, twin = (rows_of(split_lake, STOCK_OVERVIEW, symbol) for symbol in ("RESTATED", "TWIN"))
    for name in (*FIGURES, "7d_avg"):
        assert [row[name] for row in split][2:] == [row[name] for row in twin][2:], name


def test_before_a_split_figures_count_the_shares_of_their_day(split_lake: Lake) -> None:
    found = [(row["price_change"], row["7d_avg"]) for row in rows_of(split_lake, STOCK_OVERVIEW, "SPLIT")]
    expected = [
        (None, "100"),
        ("2", "101"),
        ("-1", "101"),
        ("2", "101.5"),
        ("-0.5", "50.8"),  # (50 + 51 + 50.5 + 51.5 + 51) / 5
        ("1", "51"),
        ("-0.5", "51.071429"),
    ]
    assert found == [(change and Decimal(change), Decimal(mean)) for change, mean in expected]


def test_a_split_that_nobody_stated_shows_as_a_fall(split_lake: Lake) -> None:
    row = rows_of(split_lake, STOCK_OVERVIEW, "UNEXPLAINED")[4]
    assert row["price_change"] == Decimal(-52)
    assert row["volume_spike_pct"] == Decimal(100)


def test_prices_stay_as_traded_in_silver_and_gold(split_lake: Lake) -> None:
    closes = [Decimal(bar[3]) for bar in as_traded(2).values()]
    for table in (BARS, DAILY_KPIS, STOCK_OVERVIEW):
        assert [row["close"] for row in rows_of(split_lake, table, "SPLIT")] == closes
    assert [row["basis_dt"] for row in rows_of(split_lake, DAILY_KPIS, "SPLIT")] == [
        date.fromisoformat(day) for day in DAYS
    ]


def test_the_order_in_which_bars_and_split_arrive_does_not_matter(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    halves = [dict(list(as_traded(2).items())[part]) for part in (slice(0, 4), slice(4, 7))]
    ratios = {"A": "3", "B": "0.3333333333", "C": "1.0460"}
    first = [daily(symbol, halves[0]) for symbol in ratios]
    second = [daily(symbol, halves[1], at(2)) for symbol in ratios]
    second += yahoos("D")
    stated = [splits(symbol, (EX, ratio)) for symbol, ratio in {**ratios, "D": "2"}.items()]
    found = []
    for parts in ([first + second + stated], [first + second, stated], [stated, second, first]):
        lake = Lake(str(tmp_path_factory.mktemp("order") / "lake"))
        for part in parts:
            land_rows(lake, part)
            build_lake(spark, lake)
        found.append(hashes(lake))
    assert found == [found[0]] * 3


def test_a_split_restates_nothing_in_silver_and_little_in_gold(spark: SparkSession, lake: Lake) -> None:
    land_rows(lake, [daily("A", as_traded(2)), daily("OTHER", as_traded(2))])
    build_lake(spark, lake)
    bars = open_table(lake, BARS).version(), content_hash(lake, BARS)
    kpis = {(row["trade_dt"]): row["run_id"] for row in rows_of(lake, DAILY_KPIS, "A")}
    other = rows_of(lake, STOCK_OVERVIEW, "OTHER")
    land_rows(lake, [splits("A", (EX, "2"))])
    build_lake(spark, lake)
    assert (open_table(lake, BARS).version(), content_hash(lake, BARS)) == bars
    assert rows_of(lake, STOCK_OVERVIEW, "OTHER") == other
    changed = [
        row["trade_dt"] for row in rows_of(lake, DAILY_KPIS, "A") if row["run_id"] != kpis[row["trade_dt"]]
    ]
    assert changed == [date.fromisoformat(EX)]


def test_a_split_that_is_corrected_or_taken_back_changes_gold_again(spark: SparkSession, lake: Lake) -> None:
    land_rows(lake, [daily("A", as_traded(2)), splits("A", (EX, "4"), ("1999-01-04", "2"))])
    build_lake(spark, lake)
    assert _change_pct(lake) == Decimal("98.058252")  # 51 against 103 / 4
    land_rows(lake, [splits("A", (EX, "2"), ("1999-01-04", "2"), hours=2)])
    build_lake(spark, lake)
    assert _change_pct(lake) == Decimal("-0.970874")  # 51 against 51.5
    land_rows(lake, [splits("A", ("1999-01-04", "2"), hours=3)])
    build_lake(spark, lake)
    assert _change_pct(lake) == Decimal("-50.485437")  # 51 against 103


def _change_pct(lake: Lake) -> Decimal:
    return Decimal(rows_of(lake, DAILY_KPIS, "A")[4]["price_change_pct"])
