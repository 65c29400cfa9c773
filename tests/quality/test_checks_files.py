"""Each checks file passes a good batch, and each kind of its rules fails a bad one."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from quality.checks_file import read_checks
from quality.gate import GateResult, scan_batch

# by test_reference_gates.py and pipelines/silver/test_tick_files.py in tests/jobs
TESTED_ELSEWHERE = {
    *("silver_corporate_actions", "silver_instruments", "silver_news"),
    *("silver_trades", "silver_quotes", "gold_tick_features", "gold_trade_bar_differences"),
}
NOW = datetime(2024, 3, 6, tzinfo=UTC)
CHECKS = Path(__file__).resolve().parents[2] / "quality" / "checks"


def price(value: str) -> str:
    return f"cast({value} as decimal(18,6))"


OHLC = {"open": price("10"), "high": price("12"), "low": price("9"), "close": price("11")}
BAR_OHLC = {name: value.replace("18,6", "24,12") for name, value in OHLC.items()}
TEXT_NULL = "cast(null as string)"
KNOWN = {
    "is_simulated": "false",
    "known_from": "timestamp'2024-03-05 22:00:00'",
    "known_to": "cast(null as timestamp)",
    "payload_id": "'p1'",
    "position": "'0'",
    "run_id": "'r1'",
}
WRITTEN = {"run_id": "'r1'", "partition_dt": "date'2024-01-01'"}
# A good row of each dataset: column, SQL of its value.
GOOD = {
    "silver_bars": {
        "provider": "'alphavantage'",
        "symbol": "'AAPL'",
        "asset_class": "'stock'",
        "calendar": "'XNYS'",
        "interval": "'5min'",
        "kind": "'candle'",
        "adjustment": "'raw'",
        "timestamp": "timestamp'2024-03-05 15:00:00'",
        "trade_dt": "date'2024-03-05'",
        "session": "'regular'",
        **BAR_OHLC,
        "volume": "cast(1000.5 as decimal(28,8))",
        **KNOWN,
        "partition_dt": "date'2024-03-05'",
    },
    "silver_fundamentals": {
        "provider": "'alphavantage'",
        "symbol": "'AAPL'",
        "name": "'Apple'",
        "asset_type": "'Common Stock'",
        "exchange": "'NASDAQ'",
        "currency": "'USD'",
        "country": "'USA'",
        "sector": "'TECHNOLOGY'",
        "industry": "'ELECTRONICS'",
        "latest_quarter": "date'2023-12-31'",
        "market_cap": "cast(2600000000000 as decimal(20,2))",
        "pe_ratio": price("26.5"),
        "eps": price("6.4"),
        "book_value": price("4.8"),
        "dividend_per_share": price("0.95"),
        "dividend_yield": price("0.0056"),
        "beta": price("1.3"),
        "high_52w": price("200"),
        "low_52w": price("150"),
        "shares_outstanding": "cast(15441900000 as decimal(20,0))",
        **KNOWN,
    },
    "silver_quarantine": {
        "provider": "'alphavantage'",
        "dataset": "'bars'",
        "symbol": "'AAPL'",
        "interval": "'5min'",
        "position": "'3'",
        "reasons": "array('high_below_open')",
        "raw_values": "'{}'",
        "payload_id": "'p1'",
        "first_seen_at": "timestamp'2024-03-05 22:00:00'",
        "is_simulated": "false",
        "run_id": "'r1'",
    },
    "silver_stock_clean": {
        "symbol": "'AAPL'",
        "timestamp": "timestamp'2024-03-05 15:00:00'",
        "trade_dt": "date'2024-03-05'",
        "interval": "'5min'",
        "session": "'regular'",
        **OHLC,
        "volume": "cast(1000 as bigint)",
    },
    "gold_daily_kpis": {
        "symbol": "'AAPL'",
        "interval": "'5min'",
        "provider": "'alphavantage'",
        "asset_class": "'stock'",
        "calendar": "'XNYS'",
        "trade_dt": "date'2024-03-05'",
        **BAR_OHLC,
        "average_price": price("10.5"),
        "vwap": price("10.4"),
        "volume": "cast(1000.5 as decimal(20,6))",
        "bar_count": "cast(78 as bigint)",
        "expected_bars": "cast(78 as bigint)",
        "basis_dt": "date'2024-03-05'",
        "price_change": price("1"),
        "price_change_pct": price("10"),
        "is_simulated": "false",
        **WRITTEN,
    },
    "gold_signals": {
        "symbol": "'AAPL'",
        "trade_dt": "date'2024-03-05'",
        "signal": "'Volume Spike % Alert'",
        "value": price("12"),
        "threshold": price("50"),
        "is_triggered": "false",
        "reason": "'volume 12 % above its mean, below 50 %'",
        "provider": "'alphavantage'",
        "is_simulated": "false",
        **WRITTEN,
    },
    "gold_stock_overview": {
        "symbol": "'AAPL'",
        "trade_dt": "date'2024-03-05'",
        **OHLC,
        "volume": "cast(1000.5 as decimal(20,6))",
        "price_change": price("1"),
        "price_change_pct": price("10"),
        "7d_avg": price("10.5"),
        "volatility_score": price("0.2"),
        "pe_ratio": price("26.5"),
        "volume_spike_pct": price("12"),
        "triggered_signals": "''",
        "interval": "'1day'",
        "provider": "'alphavantage'",
        "is_simulated": "false",
        **WRITTEN,
    },
    "gold_bar_breaks": {
        "symbol": "'AAPL'",
        "interval": "'1day'",
        "timestamp": "timestamp'2024-03-05 05:00:00'",
        "trade_dt": "date'2024-03-05'",
        "session": "'regular'",
        "field": "'close'",
        "provider_a": "'alphavantage'",
        "provider_b": "'yahoo'",
        "status": "'differs'",
        "basis": "'raw'",
        "value_a": "cast(100 as decimal(38,12))",
        "value_b": "cast(101 as decimal(38,12))",
        "difference": "cast(1 as decimal(38,12))",
        "relative_difference": price("100"),
        "unit": "'bp'",
        "tolerance": "cast(10 as decimal(9,4))",
        "payload_id_a": "'p1'",
        "payload_id_b": "'p2'",
        "is_simulated": "false",
        **WRITTEN,
    },
}
OTHER_KEY = {"symbol": "'MSFT'", "payload_id": "'p2'"}


def batch(spark: SparkSession, dataset: str, *rows: dict[str, str]) -> DataFrame:
    """A good row of the dataset for each of `rows`, with the columns it names changed."""
    queries = (
        "select " + ", ".join(f"{sql} as `{name}`" for name, sql in {**GOOD[dataset], **row}.items())
        for row in rows
    )
    return spark.sql(" union all ".join(queries))


def scan(spark: SparkSession, batch_df: DataFrame, dataset: str) -> GateResult:
    return scan_batch(spark, batch_df, dataset, CHECKS / f"{dataset}.yml", NOW)


def other_key(dataset: str) -> dict[str, str]:
    return {name: sql for name, sql in OTHER_KEY.items() if name in GOOD[dataset]}


def test_every_checks_file_is_tested() -> None:
    assert {path.stem for path in CHECKS.iterdir()} == set(GOOD) | TESTED_ELSEWHERE


@pytest.mark.parametrize("dataset", GOOD)
def test_a_good_batch_passes_every_check(spark: SparkSession, dataset: str) -> None:
    result = scan(spark, batch(spark, dataset, {}, other_key(dataset)), dataset)
    assert result.status == "pass", result.summary()
    assert len(result.outcomes) > len(read_checks(CHECKS / f"{dataset}.yml", dataset).checks)


@pytest.mark.parametrize("dataset", GOOD)
def test_an_empty_batch_fails(spark: SparkSession, dataset: str) -> None:
    assert scan(spark, batch(spark, dataset, {}).where("1 = 0"), dataset).status == "fail"


@pytest.mark.parametrize("dataset", GOOD)
def test_a_row_twice_fails(spark: SparkSession, dataset: str) -> None:
    result = scan(spark, batch(spark, dataset, {}, {}), dataset)
    assert [o.name.partition("(")[0] for o in result.failed] == ["duplicate_count"]


@pytest.mark.parametrize("dataset", GOOD)
def test_a_null_in_a_required_column_counts_for_that_column_alone(spark: SparkSession, dataset: str) -> None:
    """One batch has all of them: one NULL in the first column, two in the second in rows of their own ..."""
    checks = read_checks(CHECKS / f"{dataset}.yml", dataset).checks
    required = [column for check in checks if check.metric == "missing_count" for column in check.columns]
    nulls = {column: number for number, column in enumerate(required, start=1)}
    result = scan(spark, batch_with_nulls(spark, dataset, nulls), dataset)
    missing = {o.column: o.value for o in result.failed if o.name.startswith("missing_count")}
    assert missing == nulls, result.summary()


def batch_with_nulls(spark: SparkSession, dataset: str, nulls: dict[str, int]) -> DataFrame:
    """One good row of the dataset, and as many rows with a NULL in a column as `nulls` says."""
    row_of = batch(spark, dataset, {}).crossJoin(spark.range(1 + sum(nulls.values())))
    first = 1
    for column, count in nulls.items():
        row_of = row_of.withColumn(
            column, F.when(~F.col("id").between(first, first + count - 1), F.col(f"`{column}`"))
        )
        first += count
    return row_of.drop("id")


@pytest.mark.parametrize("dataset", GOOD)
def test_a_column_that_is_not_there_fails_or_is_an_error(spark: SparkSession, dataset: str) -> None:
    last = list(GOOD[dataset])[-1]
    result = scan(spark, batch(spark, dataset, {}).drop(last), dataset)
    assert not result.is_publishable
    schema = next(o for o in result.outcomes if "schema" in o.name or "required columns" in o.name)
    assert (schema.outcome, last in str(schema.value)) == ("fail", True)


def test_a_volume_that_is_no_integer_fails_stock_clean(spark: SparkSession) -> None:
    volume = {"volume": "cast(1 as decimal(20,6))"}
    result = scan(spark, batch(spark, "silver_stock_clean", volume), "silver_stock_clean")
    assert [o.name for o in result.failed] == ["required columns, with volume an integer"]
    assert result.failed[0].value == "column type mismatches: volume should be bigint and is decimal(20,6)"


LOW_HIGH = "low is the lowest and high the highest price"
MEASURED = "what differs was measured, and differs by more than the tolerance"
# A row that breaks rules of its dataset, and the checks that fail by it.
BROKEN: list[tuple[str, dict[str, str], *tuple[str, ...]]] = [
    ("silver_bars", {"session": "'lunch'"}, "invalid_count(session) = 0"),
    ("silver_bars", {"symbol": "repeat('x', 65)"}, "invalid_count(symbol) = 0"),
    ("silver_bars", {"low": price("0")}, "invalid_count(low) = 0"),
    (
        "silver_bars",
        {"open": price("-1"), "low": price("-1")},
        "invalid_count(open) = 0",
        "invalid_count(low) = 0",
    ),
    ("silver_bars", {"volume": "cast(-1 as decimal(20,6))"}, "invalid_count(volume) = 0"),
    ("silver_bars", {"high": price("10.5")}, LOW_HIGH),
    ("silver_bars", {"low": price("10.5")}, LOW_HIGH),
    (
        "silver_bars",
        {"known_to": "timestamp'2024-03-05 21:00:00'"},
        "a row was known before it was superseded",
    ),
    ("silver_bars", {"trade_dt": "date'2024-03-01'"}, "the session date is within a day of the timestamp"),
    (
        "silver_bars",
        {"known_from": "timestamp'2024-03-03 22:00:00'"},
        "no bar is from later than the day after it was received",
    ),
    ("silver_fundamentals", {"market_cap": "cast(-1 as decimal(20,2))"}, "invalid_count(market_cap) = 0"),
    ("silver_fundamentals", {"low_52w": price("201")}, "the 52 week low is not above the high"),
    ("silver_quarantine", {"reasons": "cast(array() as array<string>)"}, "every row says why it is here"),
    ("silver_quarantine", {"reasons": "array('')"}, "every row says why it is here"),
    ("gold_daily_kpis", {"high": price("10.7")}, LOW_HIGH),
    ("gold_daily_kpis", {"vwap": price("13")}, "average price and vwap lie between low and high"),
    ("gold_daily_kpis", {"price_change": price("-1")}, "the change and its percentage have the same sign"),
    ("gold_daily_kpis", {"bar_count": "cast(0 as bigint)"}, "invalid_count(bar_count) = 0"),
    ("gold_signals", {"signal": "'Moon Alert'"}, "invalid_count(signal) = 0"),
    ("gold_signals", {"reason": "''"}, "the reason is in words"),
    ("gold_signals", {"is_triggered": "true", "value": price("null")}, "what is triggered was measured"),
    ("gold_stock_overview", {"low": price("11.5")}, LOW_HIGH),
    ("gold_stock_overview", {"7d_avg": price("0")}, "invalid_count(`7d_avg`) = 0"),
    ("gold_stock_overview", {"volatility_score": price("-0.1")}, "invalid_count(volatility_score) = 0"),
    ("gold_bar_breaks", {"provider_b": "'alphavantage'"}, "a break is between two providers"),
    ("gold_bar_breaks", {"relative_difference": price("9.9")}, MEASURED),
    ("gold_bar_breaks", {"difference": "cast(null as decimal(38,12))"}, MEASURED),
    (
        "gold_bar_breaks",
        {"status": "'missing'", "field": "'bar'"},
        "a missing bar is a whole one, and the other side has none",
    ),
    ("gold_bar_breaks", {"basis": "'none'"}, "what could not be compared is a whole bar without a basis"),
    ("gold_bar_breaks", {"status": "'odd'"}, "invalid_count(status) = 0"),
]


@pytest.mark.parametrize("dataset", sorted({dataset for dataset, *_ in BROKEN}))
def test_each_broken_row_fails_its_checks_and_no_others(spark: SparkSession, dataset: str) -> None:
    cases = [(change, checks) for name, change, *checks in BROKEN if name == dataset]
    keys = [{"symbol": f"'S{number}'"} for number in range(len(cases))]
    rows = [{**key, **change} for key, (change, _) in zip(keys, cases, strict=True)]
    result = scan(spark, batch(spark, dataset, {}, *rows), dataset)
    assert result.status == "fail", result.summary()
    assert {o.name: o.value for o in result.failed} == Counter(name for _, checks in cases for name in checks)


WARNED = [
    ("silver_bars", {"high": price("30")}, "a bar whose high is three times its low is looked at"),
    ("silver_bars", {"volume": "cast(null as decimal(28,8))"}, "missing_percent(volume)"),
    ("silver_fundamentals", {"currency": "'EURO'"}, "a currency is three letters"),
    ("gold_daily_kpis", {"bar_count": "cast(70 as bigint)"}, "incomplete_sessions_pct"),
    ("gold_signals", {"is_triggered": "true"}, "triggered_pct"),
    ("gold_stock_overview", {"volume": "cast(null as decimal(20,6))"}, "missing_percent(volume)"),
    (
        "gold_bar_breaks",
        {"relative_difference": price("1000.1")},
        "providers that differ by a tenth are looked at",
    ),
]


@pytest.mark.parametrize(("dataset", "change", "check"), WARNED)
def test_what_is_odd_is_published_with_a_warning(
    spark: SparkSession, dataset: str, change: dict[str, str], check: str
) -> None:
    result = scan(spark, batch(spark, dataset, change), dataset)
    assert result.status == "warn", result.summary()
    assert [o.name for o in result.outcomes if o.outcome == "warn"] == [check]


def test_bars_of_a_hundred_thousand_rows_are_scanned_in_a_second(spark: SparkSession) -> None:
    bars_df = (
        batch(spark, "silver_bars", {})
        .drop("symbol")
        .crossJoin(spark.range(100_000).selectExpr("cast(id as string) as symbol"))
    )
    scan(spark, batch(spark, "silver_bars", {}), "silver_bars")
    result = scan(spark, bars_df, "silver_bars")
    assert (result.status, result.row_count) == ("pass", 100_000), result.summary()
    print(f"scan of 100 000 bars: {result.seconds:.3f} s")  # noqa: T201  shown by pytest -rP
    assert result.seconds < 5, "well under a second on an idle machine; five is a machine that is busy"
