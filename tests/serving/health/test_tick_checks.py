"""Gaps, outliers and thin sessions among trades and quotes."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.silver_ticks import QUOTES, TRADES
from serving.health.findings import FEW_TRADES, GAP, OUTLIER, STALE, HealthFinding, HealthRequest, Thresholds
from serving.health.run import health
from tests.builders.sample_lake import FETCHED, add, utc

DAY = date(2026, 1, 6)
OPEN = utc(DAY, 14, 30)
OPEN_NS = int(OPEN.timestamp()) * 1_000_000_000
LIMITS = Thresholds(window=40)


def tick(number: int, seconds: float = 0.0, **changes: Any) -> dict[str, Any]:
    """What trades and quotes share: the tick of this number at so many seconds after the open."""
    ns = OPEN_NS + round(seconds * 1_000_000_000)
    row: dict[str, Any] = {"provider": "massive", "symbol": "AAPL", "trade_dt": DAY, "tape": 3}
    row |= {"timestamp": OPEN + timedelta(seconds=seconds), "sip_timestamp_ns": ns, "session": "regular"}
    row |= {"sequence_number": number, "is_out_of_order": False, "is_simulated": False}
    row |= {"known_from": FETCHED, "payload_id": "f", "position": f"AAPL/{number}", "run_id": "r"}
    return row | changes


def trade(number: int, seconds: float = 0.0, price: str = "100.00", **changes: Any) -> dict[str, Any]:
    row = tick(number, seconds, trade_id=str(number), exchange=11, trf_id=0, size=Decimal(100), correction=0)
    row |= {"price": Decimal(price), "is_odd_lot": False, "updates_open_close": True}
    return row | {"updates_high_low": True, "updates_volume": True, "is_cancelled": False} | changes


def quote(number: int, seconds: float = 0.0, mid: str = "100.00", **changes: Any) -> dict[str, Any]:
    half = Decimal("0.01")
    row = tick(number, seconds, size_unit="share", is_locked=False, is_crossed=False, is_one_sided=False)
    return row | {"bid_price": Decimal(mid) - half, "ask_price": Decimal(mid) + half} | changes


MAKE = {TRADES.full_name: trade, QUOTES.full_name: quote}
BOTH = pytest.mark.parametrize("table", [TRADES, QUOTES])


def found(
    lake: Lake, table: Table, kind: str, rows: Iterable[Mapping[str, Any]], thresholds: Thresholds = LIMITS
) -> list[HealthFinding]:
    create_tables(lake, [table])
    add(lake, table, *rows)
    return [
        each
        for each in health(lake, table.full_name, HealthRequest(), thresholds).findings
        if each.kind == kind
    ]


@BOTH
@pytest.mark.parametrize(("seconds", "count"), [(300.0, 0), (300.001, 1), (650.0, 1)])
def test_ticks_more_than_five_minutes_apart_have_a_gap_between_them(
    lake: Lake, table: Table, seconds: float, count: int
) -> None:
    make = MAKE[table.full_name]
    gaps = found(lake, table, GAP, [make(1, 299.0), make(2, 299.5), make(3, 299.5 + seconds)])
    assert [round(gap.measured, 3) for gap in gaps] == [seconds] * count
    for gap in gaps:
        assert gap.started_at == OPEN + timedelta(seconds=299.5)
        assert (gap.interval, gap.threshold) == ("tick", 300.0)


@BOTH
@pytest.mark.parametrize(
    "changes", [{"session": "post"}, {"symbol": "MSFT"}, {"known_to": FETCHED}, {"provider": "other"}]
)
def test_ticks_of_another_series_end_no_gap(lake: Lake, table: Table, changes: dict[str, Any]) -> None:
    make = MAKE[table.full_name]
    assert found(lake, table, GAP, [make(1), make(2, 600.0, **changes)]) == []


def test_a_cancelled_trade_does_not_fill_a_gap(lake: Lake) -> None:
    between = trade(2, 200.0, correction=8, is_cancelled=True)
    assert len(found(lake, TRADES, GAP, [trade(1), between, trade(3, 400.0)])) == 1


def around(make: Any, price: str, **changes: Any) -> list[dict[str, Any]]:
    """Sixty ticks at 99.90 and 100.10 in turn, the one in the middle at this price."""
    rows = [make(n, n / 10, "99.90" if n % 2 else "100.10") for n in range(61)]
    return [*rows[:30], make(30, 3.0, price, **changes), *rows[31:]]


# the standard deviation of the 40 around it is 0.0010134; it is one tick at a price of 10
@BOTH
@pytest.mark.parametrize(("price", "count"), [("100.51", 1), ("100.50", 0), ("99.49", 1), ("99.50", 0)])
def test_a_price_beyond_five_sigmas_of_those_around_it_is_an_outlier(
    lake: Lake, table: Table, price: str, count: int
) -> None:
    outliers = found(lake, table, OUTLIER, around(MAKE[table.full_name], price))
    assert len(outliers) == count
    for outlier in outliers:
        assert outlier.started_at == outlier.ended_at == OPEN + timedelta(seconds=3)
        assert outlier.measured > outlier.threshold == 5.0
        assert f"{price} where about 99.9999 is expected" in outlier.message
        assert outlier.message.endswith("sequence 30")


@pytest.mark.parametrize(
    "changes",
    [{"updates_high_low": False}, {"session": "pre"}, {"correction": 8}, {"known_to": FETCHED}],
    ids=["late report", "before the open", "cancelled", "replaced"],
)
def test_a_trade_that_makes_no_price_is_no_outlier(lake: Lake, changes: dict[str, Any]) -> None:
    assert found(lake, TRADES, OUTLIER, around(trade, "150.00", **changes)) == []


@pytest.mark.parametrize("changes", [{"is_one_sided": True}, {"is_crossed": True}])
def test_a_quote_that_has_no_mid_price_is_no_outlier(lake: Lake, changes: dict[str, Any]) -> None:
    assert found(lake, QUOTES, OUTLIER, around(quote, "150.00", **changes)) == []


def test_two_outliers_together_do_not_hide_each_other(lake: Lake) -> None:
    rows = around(trade, "150.00")
    rows[31] = trade(31, 3.1, "150.00")
    assert len(found(lake, TRADES, OUTLIER, rows, Thresholds(window=60))) == 2


@pytest.mark.parametrize(("count", "findings"), [(10, 0), (9, 1)])
def test_a_session_with_fewer_trades_than_the_least_has_few(lake: Lake, count: int, findings: int) -> None:
    cancelled = trade(99, correction=8, is_cancelled=True)
    few = found(lake, TRADES, FEW_TRADES, [*(trade(n, n) for n in range(count)), cancelled])
    assert [(each.measured, each.threshold, each.started_at) for each in few] == [(9.0, 10.0, DAY)] * findings


@BOTH
def test_a_symbol_without_ticks_in_the_newest_session_is_stale(lake: Lake, table: Table) -> None:
    make, later = MAKE[table.full_name], DAY + timedelta(days=1)
    rows = [make(1), make(1, symbol="MSFT"), make(1, trade_dt=later)]
    assert [(s.symbol, s.started_at, s.ended_at) for s in found(lake, table, STALE, rows)] == [
        ("MSFT", DAY, later)
    ]
