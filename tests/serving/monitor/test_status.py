"""The status of a lake."""

import pytest

from delta_tables.storage.arrow_io import append_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.tables.silver import ENGINE_ERROR, QUARANTINE
from jobs.pipelines.scrub import quarantined_payloads
from serving.monitor.completeness import completeness
from serving.monitor.status import status
from tests.builders.sample_lake import CORRECTED, DAYS


def test_sizes_come_from_the_log(sample: Lake) -> None:
    sizes = {size.name: size.rows for size in status(sample).tables}
    assert (sizes["bronze.raw_payloads"], sizes["silver.bars"], sizes["gold.signals"]) == (5, 10, 10)


def test_an_unfinished_stage_is_shown(sample: Lake) -> None:
    stages = {(row["stage"], row["subject"]): row["status"] for row in status(sample).stages}
    assert stages == {("silver", "silver.bars"): "done", ("gold", "gold"): "started"}


def test_failed_checks_quarantine_and_dead_letters_are_counted(sample: Lake) -> None:
    state = status(sample)
    assert [row["check"] for row in state.failed_checks] == ["missing_count(value) = 0"]
    assert {row["reason"]: row["rows"] for row in state.quarantine} == {
        "low_not_lowest": 1,
        "not_positive_price": 1,
    }
    assert [(row["error_class"], row["responses"]) for row in state.dead_letters] == [("quota_exhausted", 1)]


def test_freshness_is_by_interval(sample: Lake) -> None:
    found = {(row["asset_class"], row["interval"]): row for row in status(sample).freshness}
    assert found["stock", "5min"]["latest_bar"].isoformat() == "2026-01-06T14:35:00+00:00"
    assert found["stock", "1day"]["received_at"] == CORRECTED
    assert found["fx", "1day"]["is_simulated"]


def test_tables_without_rows_are_not_an_error(lake: Lake) -> None:
    create_tables(lake)
    state = status(lake)
    assert {size.rows for size in state.tables} == {0}
    assert (state.stages, state.freshness, state.quarantine) == ([], [], [])


def test_a_missing_lake_says_what_to_do(absent: Lake) -> None:
    with pytest.raises(LakeError, match="lakehouse run"):
        status(absent)


def test_a_session_that_other_symbols_have_is_missing(sample: Lake) -> None:
    found = {(each.symbol, each.interval): each for each in completeness(sample)}
    assert found["MSFT", "1day"].missing == (DAYS[1],)
    assert found["AAPL", "1day"].is_complete
    assert found["EURUSD", "1day"].missing == (), "a currency is not compared with stocks"
    five = found["AAPL", "5min"]
    assert (five.bars, five.expected_bars, five.is_complete) == (2, 78, False)


def test_sessions_are_counted_by_state(sample: Lake) -> None:
    found = {row["dataset"]: row for row in status(sample).arrivals}
    states = ("on_time", "late", "missing", "healed", "backfilled")
    assert [found["daily"][state] for state in states] == [1, 0, 1, 1, 1]
    assert [found["intraday"][state] for state in states] == [0, 1, 0, 0, 0]
    assert (found["daily"]["symbols"], found["daily"]["last_session"]) == (2, DAYS[2])


def test_missing_sessions_are_listed_before_late_ones(sample: Lake) -> None:
    absent = [(row["state"], row["symbol"], row["trade_dt"], row["absent"]) for row in status(sample).absent]
    assert absent == [("missing", "MSFT", DAYS[1], 2), ("late", "MSFT", DAYS[2], 2)]


def test_payloads_on_which_an_engine_failed_are_named(lake: Lake) -> None:
    create_tables(lake)
    failed = {
        "provider": "yahoo",
        "dataset": "chart",
        "symbol": "BAD",
        "interval": "1day",
        "position": "",
        "raw_values": "the year 9999 cannot be held",
        "reasons": [ENGINE_ERROR],
        "first_seen_at": CORRECTED,
        "payload_id": "f00d",
        "is_simulated": False,
        "run_id": "r1",
    }
    append_rows(lake, QUARANTINE, [failed, {**failed, "symbol": "DULL", "reasons": ["no_price"]}])
    (named,) = status(lake).engine_failures
    assert named == {name: failed[name] for name in ("payload_id", "provider", "dataset", "symbol")} | {
        "error": failed["raw_values"]
    }
    assert quarantined_payloads(lake) == ["payload f00d (yahoo chart BAD): the year 9999 cannot be held"]
