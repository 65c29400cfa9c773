"""`lakehouse doctor`: tests each part separately, and says how to fix what is wrong."""

import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deltalake.exceptions import TableNotFoundError

from config.file_modes import modes_to_warn_of
from config.load import ConfigError
from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import LakeError
from delta_tables.storage.object_store import create_winners
from delta_tables.tables.catalogue import ALL_TABLES
from flows.cli.calls_left import calls_left
from flows.cli.context import CliContext
from flows.cli.errors import one_line
from flows.handlers.rate_limit.call_store import SharedCallStore
from flows.ingestion.failed_attempts import call_store_location
from flows.ingestion.quota_plan import RateLimited
from flows.ingestion.registry import PAYLOAD_SOURCES
from flows.ingestion.request_selection import latest_requests, providers_missing_credentials
from flows.ingestion.source import PayloadSource
from jobs.runs.run_context import RunContext

_SHOWN = 20
_MIN_FREE_BYTES = 500 * 1024 * 1024


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is well, and what was found."""

    what: str
    is_well: bool
    found: str


def examine(cli: CliContext) -> list[Finding]:
    """All findings, whatever the single ones say."""
    parts: dict[str, Callable[[CliContext], str]] = {
        "settings": _settings,
        "secrets": _secrets,
        "lake": _lake,
        "tables": _tables,
        "payloads": _payloads,
        "rights": _rights,
        "state": _state,
        "disk": _disk,
        "engine": _engine,
    }
    return [
        *(_look(name, part, cli) for name, part in parts.items()),
        *(
            _look(f"quota of {source.name}", partial(_quota, source), cli)
            for source in _rate_limited_sources(cli)
        ),
    ]


def _look(name: str, part: Callable[[CliContext], str], cli: CliContext) -> Finding:
    try:
        return Finding(name, is_well=True, found=part(cli))
    except Exception as error:
        return Finding(name, is_well=False, found=one_line(error))


def _settings(cli: CliContext) -> str:
    settings = cli.settings
    listed = f"{len(settings.watch_list.stocks)} stocks, {len(settings.watch_list.fx)} currency pairs"
    clock = f", clock set to {settings.simulated_now}" if settings.simulated_now else ""
    providers = ", ".join(_used_providers(cli)) or "no provider"
    return f"engine {settings.engine}, {listed}, fetches from {providers}{clock}"


def _secrets(cli: CliContext) -> str:
    lacking = providers_missing_credentials(cli.settings, cli.secrets, latest_requests(cli.settings))
    if lacking:
        return f"queries work, fetching does not: {'; '.join(skipped.reason for skipped in lacking)}"
    return f"none is missing to fetch from {', '.join(_used_providers(cli)) or 'any provider'}"


def _lake(cli: CliContext) -> str:
    if cli.lake.is_s3:
        return _bucket(cli)
    root = Path(cli.lake.root)
    if not root.exists():
        return f"{root} does not exist yet; the first run creates it"
    with tempfile.TemporaryFile(dir=root):
        return f"{root} can be written"


def _bucket(cli: CliContext) -> str:
    """What the store's conditional PUT allows: a Delta commit creates a file that nobody else creates."""
    if (won := create_winners(cli.lake)) != 1:
        raise LakeError(
            f"{cli.lake.root}: of 32 writers at once {won} created the same object; this store "
            "loses commits: let only one process write the lake, or use another store"
        )
    return f"{cli.lake.root} can be written; of 32 writers at once one created an object, as it must be"


def _tables(cli: CliContext) -> str:
    found = [table for table in ALL_TABLES if _is_there(cli, table.full_name)]
    if not found:
        raise LakeError(f"no lake yet at {cli.lake.root}: `lakehouse run` fills the first one")
    return f"{len(found)} of {len(ALL_TABLES)} tables exist and can be read"


def _rights(cli: CliContext) -> str:
    """What others may read although the settings say that files are private; no fault of the lake."""
    open_to_others = modes_to_warn_of(cli.settings, None if cli.lake.is_s3 else cli.lake.root)
    return "; ".join(open_to_others) or f"file_mode is {cli.settings.file_mode}; the folders are as it says"


def _payloads(cli: CliContext) -> str:
    """Payloads on which an engine failed are named; they stop nothing, so this is no fault."""
    from jobs.pipelines.scrub import quarantined_payloads  # noqa: PLC0415 - imports pyspark

    failed = quarantined_payloads(cli.lake)
    if not failed:
        return "an engine failed on none"
    more = f"; and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
    return f"an engine failed on {len(failed)}, which are in quarantine: {'; '.join(failed[:_SHOWN])}{more}"


def _is_there(cli: CliContext, name: str) -> bool:
    table = next(table for table in ALL_TABLES if table.full_name == name)
    try:
        open_table(cli.lake, table)
    except TableNotFoundError:
        return False
    return True


def _state(cli: CliContext) -> str:
    folder = cli.settings.state_dir
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        return f"{folder.resolve()} can be written (locks, call counts, downloads)"


def _used_providers(cli: CliContext) -> list[str]:
    """The providers of an ordinary run."""
    return list(dict.fromkeys(request.provider for request in latest_requests(cli.settings)))


def _rate_limited_sources(cli: CliContext) -> list[PayloadSource]:
    """Those in use whose calls are counted."""
    return [source for source in PAYLOAD_SOURCES.values() if source.latest_datasets(cli.settings)]


def _quota(source: PayloadSource, cli: CliContext) -> str:
    """What is left of each limit of the provider and key, in the call store that runs use."""
    ctx = RunContext(cli.settings, cli.secrets, cli.lake, cli.now, "doctor")
    try:
        handler = source.connect(ctx)
    except ConfigError as error:
        return f"not examined: {error}"
    with closing(handler):
        if not isinstance(handler, RateLimited) or not handler.limiter.limits:
            return "no limits"
        left = "; ".join(calls_left(remaining) for remaining in handler.limiter.remaining())
        return f"{left} ({handler.limiter.name} in {_place(call_store_location(ctx))})"


def _place(location: Path | SharedCallStore) -> str:
    if isinstance(location, Path):
        return f"the SQLite files of {location.resolve()}"
    return "the PostgreSQL database of all workers"


def _disk(cli: CliContext) -> str:
    place = Path.cwd() if cli.lake.is_s3 else _nearest(Path(cli.lake.root))
    free = shutil.disk_usage(place).free
    if free < _MIN_FREE_BYTES:
        raise OSError(f"only {free // 2**20} MiB are free at {place}; free some space before the next run")
    return f"{free / 2**30:.1f} GiB free at {place}"


def _nearest(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())


def _engine(cli: CliContext) -> str:
    from jobs.engine.session import engine_session  # noqa: PLC0415 - slow, and only looked at last

    with engine_session(cli.settings, cli.lake) as spark:
        answer = spark.sql("SELECT 1 AS one").collect()[0]["one"]
        return f"{cli.settings.engine} answers {answer} (Spark API {spark.version})"
