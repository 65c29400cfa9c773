"""A small lake with difficult rows for exports: odd symbols, tiny and null values, history, two providers."""

import gzip
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from config.secrets import Secrets
from config.settings import S3Settings
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.tables.gold import SIGNALS
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS
from serving.export.destination import target_for
from serving.export.formats import format_named
from serving.export.layouts import layout_named
from serving.export.plan import plan_export
from serving.export.request import ExportRequest
from serving.export.run import ExportSummary, export
from tests.builders.sample_lake import CORRECTED, FETCHED, add, bar, signal, utc

FIRST, SECOND, NEXT_YEAR = date(2025, 12, 30), date(2025, 12, 31), date(2026, 1, 2)


def fill(lake: Lake) -> Lake:
    """Fills the lake: daily bars of four symbols, 5min bars of one, signals."""
    create_tables(lake)
    add(
        lake,
        BARS,
        bar("AAPL", SECOND, "1day", "10.5"),
        bar("AAPL", FIRST, "1day", "9", known_to=CORRECTED),
        bar("AAPL", FIRST, "1day", "9.25", known_from=CORRECTED),
        bar("BRK.B", NEXT_YEAR, "1day", "500"),
        bar("^GSPC", NEXT_YEAR, "1day", "6000.123456789012", volume=None),
        bar("PEPE-USD", NEXT_YEAR, "1day", "0.000000000001", volume=Decimal(0), is_simulated=True),
        _minute("AAPL", utc(NEXT_YEAR, 14, 35), "2"),
        _minute("AAPL", utc(NEXT_YEAR, 14, 30) + timedelta(microseconds=250), "1"),
        _minute("AAPL", utc(SECOND, 14, 30), "3"),
    )
    says = 'a "spike", twice\nover'
    add(
        lake,
        SIGNALS,
        signal("AAPL", SECOND, "Volume Spike % Alert", is_triggered=True, reason=says, value=None),
        signal("AAPL", SECOND, "P/E Ratio Alert", is_triggered=False, reason=""),
    )
    return lake


def two_providers(lake: Lake) -> Lake:
    """Fills the lake with one daily bar of one symbol by each of two providers."""
    create_tables(lake)
    split = {"provider": "yahoo", "adjustment": "split"}
    add(lake, BARS, bar("AAPL", FIRST, "1day", "9"), bar("AAPL", FIRST, "1day", "4.5", **split))
    return lake


def with_actions(lake: Lake) -> Lake:
    """Adds a split of AAPL, two for one, and before it a dividend of 0.44 old dollars."""
    known: dict[str, Any] = {"provider": "alphavantage", "symbol": "AAPL", "is_simulated": False}
    known |= {"known_from": FETCHED, "payload_id": "p", "position": "/", "run_id": "r"}
    split = {"action": "split", "label": "", "ex_dt": NEXT_YEAR, "ratio": Decimal(2)}
    cash = {"action": "dividend", "label": "cash", "ex_dt": SECOND, "amount": Decimal("0.44")}
    add(lake, CORPORATE_ACTIONS, known | split, known | cash)
    return lake


def without_daily_bars(lake: Lake) -> Lake:
    """Fills the lake with 5min bars of one symbol, and what it pays after its last session there."""
    create_tables(lake)
    add(lake, BARS, _minute("AAPL", utc(FIRST, 14, 30), "10"), _minute("AAPL", utc(SECOND, 14, 30), "20"))
    known: dict[str, Any] = {"provider": "alphavantage", "symbol": "AAPL", "is_simulated": False}
    known |= {"known_from": FETCHED, "payload_id": "p", "position": "/", "run_id": "r"}
    cash = {"action": "dividend", "label": "cash", "ex_dt": NEXT_YEAR, "amount": Decimal(1)}
    add(lake, CORPORATE_ACTIONS, known | cash)
    return lake


def many_bars(lake: Lake, symbols: int, sessions: int, bars_a_session: int) -> Lake:
    """Fills the lake with 1min bars: every symbol has each session's."""
    create_tables(lake)
    for session in range(sessions):
        day = FIRST + timedelta(days=session)
        start = utc(day, 14, 30)
        rows = [
            _minute(f"S{number:03}", start + timedelta(minutes=minute), f"{number}.{minute + 1:03}", "1min")
            for number in range(symbols)
            for minute in range(bars_a_session)
        ]
        add(lake, BARS, *rows)
    return lake


def exported(
    lake: Lake,
    to: object,
    what: str,
    file_format: str | None = None,
    threads: int = 4,
    **wanted: Any,
) -> ExportSummary:
    """Exports as the command does."""
    layout = layout_named(what)
    target = target_for(str(to), layout, S3Settings(), Secrets(_env_file=None))
    plan = plan_export(lake, layout, ExportRequest(**wanted))
    return export(plan, target, format_named(file_format or layout.format_name), threads)


def files(folder: Path) -> dict[str, bytes]:
    """Every file beneath the folder but the manifests."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "_manifest.json"
    }


def unzipped_lines(content: bytes) -> list[Mapping[str, Any]]:
    """The objects of a gzip of JSON lines."""
    return [json.loads(line) for line in gzip.decompress(content).decode().splitlines()]


def _minute(symbol: str, at: datetime, close: str, interval: str = "5min") -> dict[str, Any]:
    assert at.tzinfo is UTC
    return bar(symbol, at.date(), interval, close, timestamp=at, known_from=FETCHED)
