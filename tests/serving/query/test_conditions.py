"""The SQL conditions for rows known at an instant and for a range of sessions, each defined once."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from delta_tables.storage.lake import Lake
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_ticks import TRADES
from delta_tables.views import adjusted_bars as adjusted_views
from delta_tables.views import adjustment_factors
from delta_tables.views import conditions as row_conditions
from serving.bars import as_of, dividend_closes
from serving.errors import ServingError
from serving.explain import gold_lineage
from serving.export import request as export_request
from serving.query import conditions

AT = datetime(2026, 1, 6, 22, tzinfo=UTC)


def test_the_condition_for_known_rows_is_defined_once() -> None:
    for module in (adjustment_factors, adjusted_views, as_of, dividend_closes, gold_lineage, export_request):
        assert vars(module)["known_at"] is row_conditions.known_at
    assert row_conditions.known_at(None) == "known_to IS NULL"
    tokyo = AT.astimezone(timezone(timedelta(hours=9)))
    assert row_conditions.known_at(tokyo) == row_conditions.known_at(AT)


def test_an_instant_without_a_time_zone_is_refused(absent: Lake) -> None:
    naive = AT.replace(tzinfo=None)
    with pytest.raises(ServingError, match="has no time zone"):
        as_of.bars(absent, "AAPL", as_of=naive)
    with pytest.raises(ServingError, match="has no time zone"):
        as_of.adjusted_bars(absent, "AAPL", "split", as_of=naive)
    with pytest.raises(ServingError, match="has no time zone"):
        export_request.known_condition(BARS, export_request.ExportRequest(as_of=naive))
    with pytest.raises(ValueError, match="has no time zone"):
        row_conditions.known_at(naive)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (None, None, "true"),
        (
            date(2025, 3, 4),
            None,
            "true AND trade_dt >= date '2025-03-04' AND partition_dt >= date '2025-01-01'",
        ),
        (
            None,
            date(2026, 5, 6),
            "true AND trade_dt <= date '2026-05-06' AND partition_dt <= date '2026-05-06'",
        ),
    ],
)
def test_a_range_of_sessions_restricts_the_partitions(
    first: date | None, last: date | None, expected: str
) -> None:
    assert conditions.of_sessions(BARS, first, last) == expected


def test_a_table_without_partition_dt_is_restricted_by_session_alone() -> None:
    assert conditions.of_sessions(TRADES, date(2026, 1, 2), None) == "true AND trade_dt >= date '2026-01-02'"


def test_the_conditions_do_not_import_pyspark() -> None:
    script = (
        "import sys, serving.query.conditions, serving.bars.dividend_closes; print('pyspark' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
