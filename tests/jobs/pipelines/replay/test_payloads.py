"""A broken parser that was repaired: a replay from Bronze gives the lake that was never broken."""

from datetime import timedelta
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.lake import Lake
from delta_tables.tables.silver import BARS, QUARANTINE
from jobs.parsing.alphavantage import parse_alphavantage_bars
from jobs.parsing.registry import BAR_PARSERS, PayloadParser
from jobs.pipelines.gold.sessions import rebuild_gold
from jobs.pipelines.replay.payloads import replay_payloads
from jobs.pipelines.replay.scope import ReplayScope
from tests.builders.lakes import build_lake, hashes, land_rows, workspace
from tests.builders.payloads import DAYS, T0, bar, daily, overview

SYMBOLS = [f"S{number}" for number in range(14)]
BROKEN_DAY, BAD_CLOSE = DAYS[2], "9999"


def payloads() -> list[dict[str, object]]:
    """Two deliveries of 98 daily bars; the second corrects one bar of each symbol, one row is really bad."""
    first = {day: bar(f"10.{number}") for number, day in enumerate(DAYS)}
    second = {**first, DAYS[4]: bar("10.9")}
    rows = [daily(symbol, first, T0) for symbol in SYMBOLS]
    rows += [daily(symbol, second, T0 + timedelta(hours=2)) for symbol in SYMBOLS]
    bad = {**first, DAYS[5]: ("10", "9", "11", "10", "1")}
    return [*rows, daily("BAD", bad, T0), overview("S1", T0, EPS="2")]


def broken(payloads_df: DataFrame) -> DataFrame:
    """One bar of S0 unreadable (1 % of the rows), one of S1 readable and wrong, one of S2 lost."""
    rows_df = parse_alphavantage_bars(payloads_df)
    here = F.col("timestamp_text") == BROKEN_DAY
    wrong = F.when(here & (F.col("symbol") == "S0"), "n/a").when(here & (F.col("symbol") == "S1"), BAD_CLOSE)
    lost_df = rows_df.filter(~(here & (F.col("symbol") == "S2")))
    return lost_df.withColumn("close_text", F.coalesce(wrong, F.col("close_text"))).withColumn(
        "high_text", F.when(here & (F.col("symbol") == "S1"), BAD_CLOSE).otherwise(F.col("high_text"))
    )


def replay_all(spark: SparkSession, lake: Lake, scope: ReplayScope) -> None:
    ctx = workspace(lake)
    assert {built.status for built in replay_payloads(ctx, spark, scope)} == {"replayed"}
    rebuild_gold(ctx, spark)
    lake.drop_staging()


def test_after_a_replay_the_lake_equals_one_in_which_nothing_was_broken(
    engine: SparkSession, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded engine builds the clean lake; the repaired lake of either engine must equal it."""
    clean, mended = Lake(str(tmp_path / "clean")), Lake(str(tmp_path / "mended"))
    for lake in (clean, mended):
        land_rows(lake, payloads())
    build_lake(spark, clean)
    with monkeypatch.context() as patch:
        patch.setitem(BAR_PARSERS, "alphavantage", PayloadParser(broken, ("daily",), {"daily": ("XNYS",)}))
        build_lake(engine, mended)
    # the unreadable row of S0 came in both deliveries but is kept once; the other row is the bad one
    assert read_rows(mended, QUARANTINE).num_rows == 2
    assert read_rows(mended, BARS, where="close = 9999").num_rows == 1
    assert hashes(mended) != hashes(clean)
    replay_all(engine, mended, ReplayScope(symbols=("S0", "S1", "S2")))
    assert hashes(mended) == hashes(clean)


def test_a_replay_of_a_correct_lake_writes_nothing(spark: SparkSession, lake: Lake) -> None:
    land_rows(lake, payloads())
    build_lake(spark, lake)
    ctx = workspace(lake)
    assert [built.rows_out for built in replay_payloads(ctx, spark, ReplayScope())] == [0, 0, 0]
