"""Each way in which Soda 3.5 lets a batch pass by accident is refused."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from quality.gate import GateFailed, GateResult, require_pass, scan_batch

Scan = Callable[..., GateResult]
NOW = datetime(2024, 3, 5, 12, 0, tzinfo=UTC)
ROW = (
    "1 as id, 'AAPL' as symbol, 10.5D as price, timestamp'2024-03-05 09:30:00' as timestamp, "
    "date'2024-03-05' as trade_dt"
)


def batch(spark: SparkSession, *changes: str) -> DataFrame:
    """Rows of one table, each ROW with one column replaced (`"price = 2D"`); one good row without changes."""
    rows = []
    for change in changes or ("",):
        name, _, value = change.partition(" = ")
        parts = [p.rsplit(" as ", 1) for p in ROW.split(", ")]
        rows.append("select " + ", ".join(f"{value if n == name else v} as {n}" for v, n in parts))
    return spark.sql(" union all ".join(rows))


@pytest.fixture
def scan(spark: SparkSession, tmp_path: Path) -> Scan:
    def run(text: str, *changes: str) -> GateResult:
        path = tmp_path / "silver_things.yml"
        path.write_text(text)
        return scan_batch(spark, batch(spark, *changes), "silver_things", path, NOW)

    return run


def outcome(result: GateResult, name: str) -> str:
    return next(o.outcome for o in result.outcomes if o.name == name)


def test_a_good_batch_passes(scan: Scan) -> None:
    result = scan("checks for silver_things:\n  - row_count > 0\n  - missing_count(symbol) = 0\n")
    assert result.status == "pass", result.summary()
    assert result.row_count == 1
    assert result.exit_code == 0
    require_pass(result)


def test_a_failed_check_fails_and_says_what_to_do(scan: Scan) -> None:
    result = scan(
        "checks for silver_things:\n  - missing_count(symbol) = 0\n", "symbol = cast(null as string)"
    )
    assert (result.status, result.exit_code) == ("fail", 2)
    assert [(o.name, o.column, o.value) for o in result.failed] == [
        ("missing_count(symbol) = 0", "symbol", 1.0)
    ]
    with pytest.raises(GateFailed, match="nothing was published") as caught:
        require_pass(result)
    assert caught.value.result is result


def test_a_warning_is_visible_and_publishes(scan: Scan) -> None:
    result = scan("checks for silver_things:\n  - row_count:\n      warn: when < 10\n")
    assert (result.status, result.exit_code, result.is_publishable) == ("warn", 1, True)
    assert "row_count" in result.summary()


def test_no_file_is_an_error(spark: SparkSession, tmp_path: Path) -> None:
    result = scan_batch(spark, batch(spark), "silver_things", tmp_path / "none.yml", NOW)
    assert result.status == "error"
    assert "no checks file" in result.errors[0]


def test_an_empty_folder_is_an_error(spark: SparkSession, tmp_path: Path) -> None:
    result = scan_batch(spark, batch(spark), "silver_things", tmp_path, NOW)
    assert result.status == "error"
    assert "no checks file" in result.errors[0]


CHECKS = "checks for silver_things:\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("# nothing yet\n", "empty"),
        (CHECKS, "no list of checks"),
        (CHECKS + "  []\n", "no list of checks"),
        ("filter silver_things [today]:\n  where: id = 1\n", "no checks"),
        ("checks for silver_other:\n  - row_count > 0\n", "another dataset"),
        (CHECKS + "  - row_count > 0\nchecks for silver_other:\n  - row_count > 0\n", "another dataset"),
        (CHECKS + "  - row_count > 0\n" + CHECKS + "  - min(id) > 0\n", "twice"),
        (CHECKS + "  - [unclosed\n", "YAML"),
        (CHECKS + "\t- row_count > 0\n", "YAML"),
        ("- row_count > 0\n", "sections"),
        (CHECKS + "  - 3\n", "not a check"),
        (CHECKS + "  - wibble(id) = 0\n", "not a check"),
        (CHECKS + "  - invalid_count(id) = 0:\n    valid min: 0\n", "indent"),
        (CHECKS + "  - schema:\n      name: nothing required\n", "requires nothing"),
        (CHECKS + "  - schema:\n      fail:\n        when required column missing: []\n", "requires nothing"),
        (CHECKS + "  - schema:\n      warn:\n        when schema changes: any\n", "Soda Cloud"),
        (CHECKS + "  - anomaly detection for row_count\n", "Soda Cloud"),
        (CHECKS + "  - anomaly score for row_count < default\n", "Soda Cloud"),
        (CHECKS + "  - change for row_count < 50\n", "Soda Cloud"),
        (CHECKS + "  - change avg last 7 for row_count < 50\n", "Soda Cloud"),
        (CHECKS + "  - group evolution:\n      query: select 1\n", "Soda Cloud"),
        (CHECKS + "  - distribution_difference(id, d) > 0.05\n", "reference file"),
        (CHECKS + "  - row_count same as silver_other\n", "another dataset"),
        (CHECKS + "  - values in (id) must exist in silver_other (id)\n", "another dataset"),
        (CHECKS + "  - min(id) > ${LIMIT}\n", "environment"),
        (CHECKS + "  - freshness using timestamp < 1d\n", "freshness"),
        ("automated monitoring:\n  datasets: [include %]\n", "not supported"),
        ("for each dataset d:\n  datasets: [silver_things]\n  checks: [row_count > 0]\n", "not supported"),
        (CHECKS + "  [row_count > 0, min(id) > 0]\n", "one line"),
    ],
)
def test_a_file_without_usable_checks_is_an_error(scan: Scan, text: str, why: str) -> None:
    result = scan(text)
    assert (result.status, result.exit_code) == ("error", 3)
    assert why in result.errors[0]


def test_a_file_that_is_not_text_is_an_error(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "silver_things.yml"
    path.write_bytes(b"\xff\xfe\x00checks")
    result = scan_batch(spark, batch(spark), "silver_things", path, NOW)
    assert result.status == "error"
    assert "cannot read" in result.errors[0]


def test_a_check_on_a_column_that_is_not_there_is_an_error(scan: Scan) -> None:
    result = scan(
        CHECKS + "  - row_count > 0\n  - missing_count(nowhere) = 0\n  - duplicate_count(nowhere) = 0\n"
    )
    assert result.status == "error"
    assert outcome(result, "missing_count(nowhere) = 0") == "not_evaluated"
    assert any("nowhere" in error for error in result.errors)


def test_a_check_that_disappears_from_the_results_is_an_error(scan: Scan) -> None:
    result = scan(CHECKS + "  - row_count > 0\n  - max(id) > 0\n", "id = cast(null as int)")
    assert result.status == "error"
    assert outcome(result, "max(id) > 0") == "not_evaluated"
    assert result.errors == ()


@pytest.mark.parametrize("check", ["invalid_count(id) = 0", "row_count", "row_count > banana"])
def test_a_check_that_asks_for_nothing_is_an_error(scan: Scan, check: str) -> None:
    assert scan(CHECKS + f"  - {check}\n").status == "error"


@pytest.mark.parametrize("value", ["'NaN'", "'Infinity'", "'-Infinity'"])
def test_nan_and_infinity_fail_though_every_check_passes(scan: Scan, value: str) -> None:
    text = CHECKS + "  - missing_count(price) = 0\n  - row_count > 0\n"
    result = scan(text, "", f"price = cast({value} as double)")
    assert outcome(result, "missing_count(price) = 0") == "pass"
    assert [(o.column, o.value) for o in result.failed] == [("price", 1)]


def test_nan_in_a_float_column_that_no_check_names_fails(scan: Scan) -> None:
    assert scan(CHECKS + "  - row_count > 0\n", "price = cast('NaN' as float)").status == "fail"


@pytest.mark.parametrize(
    "column", ["timestamp = timestamp'2024-03-05 12:00:01'", "trade_dt = date'2024-03-06'"]
)
def test_a_future_time_is_not_fresh(scan: Scan, column: str) -> None:
    name = column.split(" ", maxsplit=1)[0]
    result = scan(CHECKS + f"  - freshness({name}) < 1d\n", column)
    assert outcome(result, f"freshness({name}) < 1d") == "pass"
    assert outcome(result, f"no future {name}") == "fail"
    assert result.status == "fail"


def test_freshness_is_measured_at_the_given_time(scan: Scan) -> None:
    text = CHECKS + "  - freshness(timestamp) < 1d\n"
    assert scan(text).status == "pass"
    assert scan(text, "timestamp = timestamp'2024-03-03 12:00:00'").status == "fail"


def test_a_time_in_the_environment_does_not_make_old_rows_fresh(
    scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOW", "2024-03-03T13:00:00+00:00")
    result = scan(CHECKS + "  - freshness(timestamp) < 1d\n", "timestamp = timestamp'2024-03-03 12:00:00'")
    assert result.status == "error"
    assert "NOW" in result.errors[0]


def test_freshness_in_a_process_of_another_time_zone_is_an_error(
    scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        result = scan(
            CHECKS + "  - freshness(timestamp) < 1d\n", "timestamp = timestamp'2024-03-04 08:00:00'"
        )
    time.tzset()
    assert outcome(result, "freshness(timestamp) < 1d") == "pass", "28 hours old, and read as 19"
    assert result.status == "error"
    assert "TZ=UTC" in result.errors[0]


def test_an_empty_batch_fails_even_where_no_check_counts_rows(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "checks.yml"
    path.write_text(CHECKS + "  - missing_count(symbol) = 0\n")
    result = scan_batch(spark, batch(spark).where("id > 1"), "silver_things", path, NOW)
    assert (result.status, result.row_count) == ("fail", 0)


def test_an_empty_partition_fails_though_its_checks_pass(scan: Scan) -> None:
    text = (
        "filter silver_things [tomorrow]:\n  where: id = 2\n"
        "checks for silver_things [tomorrow]:\n  - missing_count(symbol) = 0\n"
    )
    result = scan(text)
    assert outcome(result, "missing_count(symbol) = 0") == "pass"
    assert outcome(result, "filter silver_things [tomorrow] selects rows") == "fail"
    assert scan(text, "id = 2").status == "pass"


def test_a_filter_of_one_check_that_selects_no_row_fails(scan: Scan) -> None:
    result = scan(CHECKS + "  - missing_count(symbol) = 0:\n      filter: id = 2\n")
    assert result.status == "fail"


def test_a_filter_that_is_not_declared_is_an_error(scan: Scan) -> None:
    assert scan("checks for silver_things [today]:\n  - row_count > 0\n").status == "error"


def test_a_filter_that_is_not_sql_is_an_error(scan: Scan) -> None:
    text = "filter silver_things [today]:\n  where: id is is\n" + CHECKS + "  - row_count > 0\n"
    assert scan(text).status == "error"


def test_a_filter_name_of_one_letter_is_an_error(scan: Scan) -> None:
    text = "filter silver_things [d]:\n  where: id = 1\nchecks for silver_things [d]:\n  - row_count > 0\n"
    assert scan(text).status == "error"


def test_a_null_in_the_key_fails_though_duplicate_count_leaves_it_out(scan: Scan) -> None:
    text = CHECKS + "  - duplicate_count(id, symbol) = 0\n"
    result = scan(text, *["symbol = cast(null as string)"] * 2)
    assert outcome(result, "duplicate_count(id, symbol) = 0") == "pass"
    assert [(o.name, o.value) for o in result.failed] == [
        ("no NULL in the key of duplicate_count(id, symbol) = 0", 2)
    ]


def test_each_missing_count_is_that_of_its_own_column(scan: Scan) -> None:
    result = scan(
        CHECKS + "  - missing_count(id) = 0\n  - missing_count(symbol) = 0\n  - missing_count(price) = 0\n",
        "price = cast(null as double)",
        "price = cast(null as double)",
        "symbol = cast(null as string)",
    )
    assert [o.value for o in result.outcomes[:3]] == [0, 1, 2]


def test_a_view_of_the_same_name_is_kept(spark: SparkSession, scan: Scan) -> None:
    batch(spark, "id = 7").createOrReplaceTempView("silver_things")
    try:
        assert scan(CHECKS + "  - max(id) = 1\n").status == "pass"
        assert spark.table("silver_things").collect()[0].id == 7
    finally:
        spark.catalog.dropTempView("silver_things")
    scan(CHECKS + "  - row_count > 0\n")
    assert not spark.catalog.tableExists("silver_things")


def test_a_view_is_scanned_under_its_own_name(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "checks.yml"
    path.write_text(CHECKS + "  - max(id) = 7\n")
    batch(spark, "id = 7").createOrReplaceTempView("silver_things")
    try:
        result = scan_batch(spark, spark.table("silver_things"), "silver_things", path, NOW)
        assert result.status == "pass", result.summary()
        assert spark.table("silver_things").count() == 1
    finally:
        spark.catalog.dropTempView("silver_things")


def test_a_batch_that_cannot_be_computed_is_an_error_not_a_crash(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "checks.yml"
    path.write_text(CHECKS + "  - row_count > 0\n")
    broken_df = batch(spark).where("raise_error('the disk is full') is null")
    result = scan_batch(spark, broken_df, "silver_things", path, NOW)
    assert result.status == "error"
    assert "the disk is full" in result.errors[0]
