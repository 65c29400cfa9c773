"""One condition for one meaning: what was known at an instant, and which sessions are asked for."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_ticks import TRADES
from delta_tables.views import adjusted_bars as adjusted_views
from delta_tables.views import adjustment_factors as action_factors
from delta_tables.views import conditions as row_conditions
from serving.errors import ServingError
from serving.query import conditions

AT = datetime(2026, 1, 6, 22, tzinfo=UTC)


def test_what_was_known_is_said_once() -> None:
    for module in (action_factors, adjusted_views):
        assert vars(module)["known_at"] is row_conditions.known_at
    for instant in (None, AT, AT.astimezone(timezone(timedelta(hours=9)))):
        assert conditions.known_at(instant) == row_conditions.known_at(instant and AT)
    assert conditions.known_at(None) == "known_to IS NULL"


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ServingError, match="name the time zone"):
        conditions.known_at(AT.replace(tzinfo=None))
    with pytest.raises(ValueError, match="name the time zone"):
        row_conditions.known_at(AT.replace(tzinfo=None))


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
def test_a_range_of_sessions_names_its_partitions(
    first: date | None, last: date | None, expected: str
) -> None:
    assert conditions.of_sessions(BARS, first, last) == expected


def test_a_table_without_the_layout_is_asked_for_sessions_alone() -> None:
    assert conditions.of_sessions(TRADES, date(2026, 1, 2), None) == "true AND trade_dt >= date '2026-01-02'"


def test_the_conditions_import_no_engine() -> None:
    script = (
        "import sys, serving.query.conditions, serving.bars.dividend_closes; print('pyspark' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
