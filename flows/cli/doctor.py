"""`lakehouse doctor`: each part looked at by itself, with what to do where it is not well."""

import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deltalake.exceptions import TableNotFoundError

from config.load import ConfigError
from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import LakeError
from delta_tables.storage.object_store import create_winners
from delta_tables.tables.catalogue import ALL_TABLES
from flows.cli.calls_left import calls_left
from flows.cli.context import CliContext
from flows.cli.errors import one_line
from flows.handlers.rate_limit.limiter import SharedLedger
from flows.ingestion.failed_attempts import ledger_home
from flows.ingestion.quota_plan import RateLimited
from flows.ingestion.registry import SOURCES
from flows.ingestion.request_selection import latest_requests, providers_missing_credentials
from flows.ingestion.source import Source
from jobs.runs.run_context import RunContext

_LEAST_FREE_BYTES = 500 * 1024 * 1024


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is well, and what was found."""

    what: str
    is_well: bool
    found: str


def examine(here: CliContext) -> list[Finding]:
    """All findings, whatever the single ones say."""
    parts: dict[str, Callable[[CliContext], str]] = {
        "settings": _settings,
        "secrets": _secrets,
        "lake": _lake,
        "tables": _tables,
        "state": _state,
        "disk": _disk,
        "engine": _engine,
    }
    return [
        *(_look(name, part, here) for name, part in parts.items()),
        *(_look(f"quota of {source.name}", partial(_quota, source), here) for source in _used_sources(here)),
    ]


def _look(name: str, part: Callable[[CliContext], str], here: CliContext) -> Finding:
    try:
        return Finding(name, is_well=True, found=part(here))
    except Exception as error:
        return Finding(name, is_well=False, found=one_line(error))


def _settings(here: CliContext) -> str:
    settings = here.settings
    listed = f"{len(settings.watch_list.stocks)} stocks, {len(settings.watch_list.fx)} currency pairs"
    clock = f", clock set to {settings.as_if_at}" if settings.as_if_at else ""
    asked = ", ".join(_asked(here)) or "nobody"
    return f"engine {settings.engine}, {listed}, asks {asked}{clock}"


def _secrets(here: CliContext) -> str:
    lacking = providers_missing_credentials(here.settings, here.secrets, latest_requests(here.settings))
    if lacking:
        return f"queries work, fetching does not: {'; '.join(each.reason for each in lacking)}"
    return f"none is missing to ask {', '.join(_asked(here)) or 'nobody'}"


def _lake(here: CliContext) -> str:
    if here.lake.is_s3:
        return _bucket(here)
    root = Path(here.lake.root)
    if not root.exists():
        return f"{root} is not there yet: the first run makes it"
    with tempfile.TemporaryFile(dir=root):
        return f"{root} can be written"


def _bucket(here: CliContext) -> str:
    """What the store's conditional PUT allows: a Delta commit creates a file that nobody else creates."""
    if (won := create_winners(here.lake)) != 1:
        raise LakeError(
            f"{here.lake.root}: of 32 writers at once {won} created the same object; this store "
            "loses commits: let one process at a time write the lake, or use another store"
        )
    return f"{here.lake.root} can be written; of 32 writers at once one created an object, as it must be"


def _tables(here: CliContext) -> str:
    found = [table for table in ALL_TABLES if _is_there(here, table.full_name)]
    return f"{len(found)} of {len(ALL_TABLES)} tables are there and can be read"


def _is_there(here: CliContext, name: str) -> bool:
    table = next(table for table in ALL_TABLES if table.full_name == name)
    try:
        open_table(here.lake, table)
    except TableNotFoundError:
        return False
    return True


def _state(here: CliContext) -> str:
    folder = here.settings.state_dir
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        return f"{folder.resolve()} can be written (rate limits, logs)"


def _asked(here: CliContext) -> list[str]:
    """The providers of an ordinary run, those of flat files too."""
    return list(dict.fromkeys(ask.provider for ask in latest_requests(here.settings)))


def _used_sources(here: CliContext) -> list[Source]:
    """Those with calls to count."""
    return [source for source in SOURCES.values() if source.latest(here.settings)]


def _quota(source: Source, here: CliContext) -> str:
    """What is left of each limit of the provider and key, in the ledger that runs count in."""
    ctx = RunContext(here.settings, here.secrets, here.lake, here.now, "doctor")
    try:
        handler = source.connect(ctx)
    except ConfigError as error:
        return f"not looked at: {error}"
    with closing(handler):
        if not isinstance(handler, RateLimited) or not handler.limiter.limits:
            return "no limits"
        left = "; ".join(calls_left(each) for each in handler.limiter.remaining())
        return f"{left} ({handler.limiter.name} in {_place(ledger_home(ctx))})"


def _place(home: Path | SharedLedger) -> str:
    return (
        f"the SQLite files of {home.resolve()}" if isinstance(home, Path) else "the PostgreSQL of all workers"
    )


def _disk(here: CliContext) -> str:
    place = Path.cwd() if here.lake.is_s3 else _nearest(Path(here.lake.root))
    free = shutil.disk_usage(place).free
    if free < _LEAST_FREE_BYTES:
        raise OSError(f"only {free // 2**20} MiB are free at {place}; free some space before the next run")
    return f"{free / 2**30:.1f} GiB free at {place}"


def _nearest(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())


def _engine(here: CliContext) -> str:
    from jobs.engine.session import engine_session  # noqa: PLC0415 - slow, and only looked at last

    with engine_session(here.settings, here.lake) as spark:
        answer = spark.sql("SELECT 1 AS one").collect()[0]["one"]
        return f"{here.settings.engine} answers {answer} (speaks Spark {spark.version})"
