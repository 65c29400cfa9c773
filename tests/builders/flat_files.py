"""Flat files as Massive publishes them, for tests; made here, not captured."""

import gzip
import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from config.secrets import Secrets
from config.settings import MassiveSettings, Providers, Settings
from delta_tables.storage.arrow_io import append_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.tables import gold_ticks, silver_ticks
from delta_tables.tables.bronze import RAW_FILES
from jobs.parsing.flat_files import COLUMNS_OF, QUOTES, TRADES, FlatFile, flat_file_of_row
from jobs.runs.run_context import RunContext, new_run_id

DAY = date(2024, 11, 18)
FETCHED = datetime(2024, 11, 19, 16, tzinfo=UTC)
LATER = datetime(2024, 12, 18, 16, tzinfo=UTC)
REAL_ROWS = Path(__file__).resolve().parents[3] / "shared/data/polygon/flatfiles_real_rows"
LEAN = Path(__file__).resolve().parents[3] / "shared/data/lean/equity/usa"
Row = dict[str, str]


def ns(clock: str, day: date = DAY, nanoseconds: int = 0) -> str:
    """Nanoseconds since 1970 of a wall time in New York, such as `09:30:00.5`."""
    at = datetime.combine(day, time.fromisoformat(clock), ZoneInfo("America/New_York"))
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return str(microseconds * 1_000 + nanoseconds)


def trade(sequence: int = 1, at: str = "10:00:00", ticker: str = "IBM", **cells: str) -> Row:
    """A regular trade of 100 at 50.25."""
    return {
        "ticker": ticker,
        "conditions": "",
        "correction": "0",
        "exchange": "11",
        "id": str(1000 + sequence),
        "participant_timestamp": ns(at),
        "price": "50.250000",
        "sequence_number": str(sequence),
        "sip_timestamp": ns(at),
        "size": "100.000000",
        "tape": "1",
        "trf_id": "0",
        "trf_timestamp": "0",
        **cells,
    }


def quote(sequence: int = 1, at: str = "10:00:00", ticker: str = "IBM", **cells: str) -> Row:
    """A quote of 50.20 to 50.30."""
    return {
        "ticker": ticker,
        "ask_exchange": "11",
        "ask_price": "50.30",
        "ask_size": "2",
        "bid_exchange": "12",
        "bid_price": "50.20",
        "bid_size": "3",
        "conditions": "1",
        "indicators": "",
        "participant_timestamp": ns(at),
        "sequence_number": str(sequence),
        "sip_timestamp": ns(at),
        "tape": "1",
        "trf_timestamp": "0",
        **cells,
    }


def csv_text(rows: Iterable[Mapping[str, str]], columns: Iterable[str]) -> str:
    """The rows under a header, conditions quoted where they are a list."""
    names = list(columns)
    lines = [",".join(f'"{row[name]}"' if "," in row[name] else row[name] for name in names) for row in rows]
    return "\n".join([",".join(names), *lines]) + "\n"


def land_text(
    lake: Lake, dataset: str, text: str | bytes, fetched_at: datetime = FETCHED, day: date = DAY
) -> FlatFile:
    """Lands a version of a day's file; bytes are taken for the gzipped file itself."""
    body = gzip.compress(text.encode(), mtime=0) if isinstance(text, str) else text
    file_id = hashlib.sha256(body).hexdigest()
    path = f"landing/massive/{dataset}/{day}.{file_id[:16]}.csv.gz"
    (Path(lake.root) / path).parent.mkdir(parents=True, exist_ok=True)
    (Path(lake.root) / path).write_bytes(body)
    row: dict[str, Any] = {
        "file_id": file_id,
        "provider": "massive",
        "dataset": dataset,
        "file_dt": day,
        "key": f"us_stocks_sip/{dataset}/{day:%Y/%m/%Y-%m-%d}.csv.gz",
        "etag": file_id[:8],
        "size_bytes": len(body),
        "path": path,
        "fetched_at": fetched_at,
        "is_simulated": False,
        "run_id": "landed",
    }
    create_tables(lake, [RAW_FILES])
    append_rows(lake, RAW_FILES, [row])
    return flat_file_of_row(row)


def land_trades(lake: Lake, rows: Iterable[Row], fetched_at: datetime = FETCHED, day: date = DAY) -> FlatFile:
    """Lands a version of trades_v1."""
    return land_text(lake, TRADES, csv_text(rows, COLUMNS_OF[TRADES]), fetched_at, day)


def land_quotes(lake: Lake, rows: Iterable[Row], fetched_at: datetime = FETCHED, day: date = DAY) -> FlatFile:
    """Lands a version of quotes_v1."""
    return land_text(lake, QUOTES, csv_text(rows, COLUMNS_OF[QUOTES]), fetched_at, day)


def tick_workspace(lake: Lake, rows_per_batch: int = 1_000_000, stocks: tuple[str, ...] = ()) -> RunContext:
    """A workspace with all tables; without `stocks` all symbols of a file are taken."""
    create_tables(lake)
    create_tables(lake, (*silver_ticks.TABLES, *gold_ticks.TABLES))
    massive = MassiveSettings(universe="watch_list" if stocks else "all", rows_per_batch=rows_per_batch)
    settings = Settings(providers=Providers(massive=massive), watch_list={"stocks": stocks})
    return RunContext(settings, Secrets(_env_file=None), lake, lambda: LATER, new_run_id())
