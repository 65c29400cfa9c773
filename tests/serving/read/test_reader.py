"""Rows for backtests equal those of the tables and views, by range, instant, adjustment and correction."""

import doctest
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
from deltalake import QueryBuilder

import serving.read.reader
from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake
from delta_tables.tables import silver, silver_reference, silver_ticks
from delta_tables.views import adjusted_bars as adjusted_views
from delta_tables.views.tick_views import CURRENT, HAPPENED
from serving.bars import as_of as single_symbol
from serving.errors import ServingError
from serving.read import Reader, Rows, open_reader
from serving.read.tables import ACTIONS, BARS, QUOTES, TRADES, ReadableTable
from tests.builders import reader_lake
from tests.builders.reader_lake import CORRECTED, LEARNED, OPEN, SESSIONS
from tests.builders.sample_lake import add, bar

ROOT = Path(__file__).resolve().parents[3]
TICKS = SESSIONS[3]
INSTANTS = [None, LEARNED, CORRECTED, LEARNED - timedelta(seconds=1)]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(str(tmp_path_factory.mktemp("reader") / "lake"))
    reader_lake.fill(lake)
    return lake


@pytest.fixture
def reader(filled: Lake) -> Reader:
    return open_reader(filled)


def listed(rows: Rows, *names: str) -> list[tuple[Any, ...]]:
    columns = (rows.table[name].to_pylist() for name in names)
    return list(zip(*columns, strict=True))


def sql_rows(lake: Lake, sql: str, columns: list[str]) -> list[dict[str, Any]]:
    builder = QueryBuilder()
    tables = [silver.BARS, silver_reference.CORPORATE_ACTIONS, silver_ticks.TRADES]
    for table in tables:
        builder.register(table.name, open_table(lake, table))
    found: list[dict[str, Any]] = pa.table(builder.execute(sql)).select(columns).to_pylist()
    return found


def in_order(rows: list[dict[str, Any]], key: Callable[[dict[str, Any]], Any]) -> list[dict[str, Any]]:
    return sorted(rows, key=key)


@pytest.mark.parametrize("as_of", INSTANTS)
@pytest.mark.parametrize(("symbol", "interval"), [("AAPL", "1day"), ("MSFT", "1day"), ("AAPL", "1min")])
def test_bars_equal_those_of_serving_bars(
    filled: Lake, reader: Reader, symbol: str, interval: str, as_of: datetime | None
) -> None:
    found = reader.bars(symbol, interval, as_of=as_of).table
    expected = single_symbol.bars(filled, symbol, interval, as_of)
    assert found.num_rows == (0 if as_of and as_of < LEARNED else 5)
    assert found.to_pylist() == expected.select(found.column_names).to_pylist()


def test_symbols_come_in_the_requested_order_oldest_first_within_each(reader: Reader) -> None:
    found = listed(reader.bars(["MSFT", "AAPL", "MSFT"]), "symbol", "trade_dt")
    assert found == [("MSFT", day) for day in SESSIONS] + [("AAPL", day) for day in SESSIONS]


def test_both_ends_of_a_range_are_included_across_the_turn_of_the_year(reader: Reader) -> None:
    found = reader.bars("AAPL", "1day", SESSIONS[1], SESSIONS[2])
    assert listed(found, "trade_dt") == [(SESSIONS[1],), (SESSIONS[2],)]
    assert len(reader.bars("AAPL", "1day", SESSIONS[4], SESSIONS[4])) == 1
    assert len(reader.bars("AAPL", end=date(2025, 12, 29))) == 0


def test_a_range_of_instants_includes_its_start_but_not_its_end(reader: Reader) -> None:
    found = reader.bars("AAPL", "1min", OPEN, OPEN + timedelta(minutes=2))
    assert listed(found, "timestamp") == [(OPEN,), (OPEN + timedelta(minutes=1),)]
    elsewhere = OPEN.astimezone(datetime.fromisoformat("2026-01-01T00:00:00+09:00").tzinfo)
    assert len(reader.bars("AAPL", "1min", elsewhere, elsewhere + timedelta(minutes=2))) == 2
    assert len(reader.bars("AAPL", "1min", OPEN, OPEN)) == 0


@pytest.mark.parametrize("as_of", [None, LEARNED, LEARNED - timedelta(seconds=1)])
@pytest.mark.parametrize("interval", ["1day", "1min"])
@pytest.mark.parametrize("adjusted", ["split", "total"])
def test_adjusted_bars_equal_the_view_over_the_whole_table(
    filled: Lake, reader: Reader, adjusted: Any, interval: str, as_of: datetime | None
) -> None:
    view = {"split": adjusted_views.split_adjusted_sql, "total": adjusted_views.total_adjusted_sql}[adjusted]
    found = reader.bars(
        ["AAPL", "MSFT"] if interval == "1day" else "AAPL", interval, adjusted=adjusted, as_of=as_of
    )
    expected = [
        row
        for row in sql_rows(filled, view("bars", "corporate_actions", as_of), found.table.column_names)
        if row["interval"] == interval
    ]
    assert len(expected) == (0 if as_of and as_of < LEARNED else 10 if interval == "1day" else 5)
    assert found.table.to_pylist() == in_order(expected, lambda row: (row["symbol"], row["timestamp"]))


def test_a_dividend_adjusts_a_range_that_does_not_contain_its_close(reader: Reader) -> None:
    found = reader.bars("AAPL", "1day", SESSIONS[0], SESSIONS[0], adjusted="total")
    ((close, ratio, factor),) = listed(found, "close", "split_ratio", "dividend_factor")
    assert (close, ratio, round(factor, 10)) == (Decimal(99), 4.0, 0.99)


@pytest.mark.parametrize("corrections", ["applied", "as_reported"])
def test_trades_equal_those_of_the_table(filled: Lake, reader: Reader, corrections: Any) -> None:
    reported = f"SELECT * FROM trades WHERE {CURRENT}"  # our names
    view = {"applied": f"{reported} AND {HAPPENED}", "as_reported": reported}
    found = reader.trades("AAPL", TICKS, TICKS, corrections=corrections)
    expected = sql_rows(filled, view[corrections], found.table.column_names)
    assert len(found) == {"applied": 3, "as_reported": 8}[corrections]
    assert found.table.to_pylist() == in_order(expected, lambda row: row["sequence_number"])


def test_a_trade_is_read_as_it_was_known(reader: Reader) -> None:
    before = CORRECTED - timedelta(microseconds=1)
    prices = [
        listed(reader.trades("AAPL", TICKS, TICKS, as_of=as_of), "sequence_number", "price")[-1]
        for as_of in (before, CORRECTED, None)
    ]
    assert prices == [(7, Decimal(107)), (7, Decimal(77)), (7, Decimal(77))]


def test_quotes_are_read_by_instants(reader: Reader) -> None:
    found = reader.quotes("AAPL", OPEN + timedelta(seconds=1), OPEN + timedelta(hours=1))
    assert listed(found, "sequence_number", "bid_price") == [(1, Decimal(99)), (2, Decimal(99))]


def test_a_reader_limited_to_an_instant_cannot_look_ahead(reader: Reader) -> None:
    then = reader.known_at(LEARNED)
    assert listed(then.trades("AAPL", TICKS, TICKS), "price")[-1] == (Decimal(107),)
    assert len(then.bars("AAPL", as_of=LEARNED - timedelta(days=1))) == 0
    for look in (lambda: then.bars("AAPL", as_of=CORRECTED), lambda: then.known_at(CORRECTED)):
        with pytest.raises(
            ServingError, match="looks ahead: this reader is limited to what was known at 2026-01-06"
        ):
            look()


def test_a_reader_can_be_opened_for_an_instant(filled: Lake) -> None:
    then = open_reader(filled.root, as_of=LEARNED - timedelta(seconds=1))
    assert [len(then.bars("AAPL")), len(then.bars("AAPL", adjusted="split")), len(then.universe())] == [
        0,
        0,
        0,
    ]


def test_prices_are_exact_in_arrow_and_float64_on_request(reader: Reader) -> None:
    rows = reader.bars("AAPL")
    assert pa.types.is_decimal(rows.arrow().schema.field("close").type)
    assert rows.arrow("float64")["close"].to_pylist() == [400.0, 402.0, 404.0, 101.0, 102.0]
    assert pa.table(rows).equals(rows.arrow())
    with pytest.raises(ServingError, match="'decimal' or 'float64', not 'double'"):
        rows.arrow("double")  # type: ignore[arg-type]


def test_a_pandas_frame_is_a_copy_of_the_cached_values(reader: Reader) -> None:
    frame = reader.bars("AAPL", columns=["close"]).pandas()
    frame.loc[:, "close"] = 1.0
    frame = reader.bars("AAPL").pandas()
    assert frame["close"].tolist() == [400.0, 402.0, 404.0, 101.0, 102.0]
    kinds = [str(frame[name].dtype) for name in ("symbol", "timestamp", "trade_dt", "volume")]
    assert kinds == ["category", "datetime64[us, UTC]", "datetime64[ms]", "float64"]
    assert reader.bars("AAPL").pandas("decimal")["close"].tolist()[0] == Decimal(400)


def test_without_polars_the_error_says_what_to_install(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ServingError, match="Polars is not installed; run `pip install polars`"):
        reader.bars("AAPL").polars()


def test_a_polars_frame_has_float64_prices(reader: Reader) -> None:
    polars = pytest.importorskip("polars", reason="optional, not among the locked dependencies (2026-11)")
    frame = reader.bars(["AAPL", "MSFT"]).polars()
    assert frame["close"].to_list()[:2] == [400.0, 402.0]
    assert frame.schema["symbol"] == polars.Categorical
    assert polars.DataFrame(reader.bars("AAPL"))["close"].to_list()[0] == Decimal(400)


def test_columns_come_in_the_requested_order(reader: Reader) -> None:
    assert reader.bars("AAPL", columns=("close", "trade_dt")).table.column_names == ["close", "trade_dt"]


def test_the_universe_is_what_was_known(reader: Reader) -> None:
    names = ("symbol", "interval", "provider", "first_trade_dt", "last_trade_dt", "row_count", "known_since")
    (first, second, third) = listed(reader.universe(), *names)
    assert first == ("AAPL", "1day", "alphavantage", SESSIONS[0], SESSIONS[-1], 5, LEARNED)
    assert (second[:2], third[:2]) == (("AAPL", "1min"), ("MSFT", "1day"))
    assert len(reader.universe(as_of=LEARNED - timedelta(seconds=1))) == 0
    assert listed(reader.universe("trades"), "symbol", "provider", "row_count") == [("AAPL", "massive", 8)]


def test_a_series_of_two_providers_requires_a_provider(lake: Lake) -> None:
    reader_lake.fill(lake)
    add(lake, silver.BARS, bar("MSFT", SESSIONS[0], "1day", "50.5", provider="yahoo", known_from=LEARNED))
    reader = open_reader(lake)
    with pytest.raises(
        ServingError, match="bars of MSFT come from several providers; choose provider='alpha"
    ):
        reader.bars(["AAPL", "MSFT"])
    assert len(reader.bars("AAPL")) == 5
    assert listed(reader.bars("MSFT", provider="yahoo"), "close") == [(Decimal("50.5"),)]
    assert len(reader.bars("MSFT", provider="alphavantage")) == 5


def test_no_engine_is_imported(filled: Lake) -> None:
    script = (
        "import sys; from serving.read import open_reader\n"
        f"assert len(open_reader({filled.root!r}).bars('AAPL').arrow()) == 5\n"
        "print(sorted({'pyspark', 'pysail', 'prefect', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    ("series", "table"),
    [
        (BARS, silver.BARS),
        (TRADES, silver_ticks.TRADES),
        (QUOTES, silver_ticks.QUOTES),
        (ACTIONS, silver_reference.CORPORATE_ACTIONS),
    ],
)
def test_a_readable_table_matches_its_declaration(series: ReadableTable, table: Any) -> None:
    assert (series.full_name, series.partition) == (table.full_name, "".join(table.partition_by))
    assert {*series.order, *series.plain} <= set(table.columns)


@pytest.mark.parametrize("module", [serving.read, serving.read.reader])
def test_the_examples_in_the_docstrings_are_true(filled: Lake, module: ModuleType) -> None:
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner()
    for example in finder.find(module, extraglobs={"lake": filled}):
        runner.run(example)
    assert runner.tries >= 3
    assert runner.failures == 0
