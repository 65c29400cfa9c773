"""`lakehouse doctor`: each part looked at by itself, with what to do where it is not well."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deltalake.exceptions import TableNotFoundError

from delta_tables.catalogue import ALL_TABLES
from delta_tables.create_tables import open_table
from flows.cli.context import CliContext
from flows.cli.errors import one_line

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
    return [_look(name, part, here) for name, part in parts.items()]


def _look(name: str, part: Callable[[CliContext], str], here: CliContext) -> Finding:
    try:
        return Finding(name, is_well=True, found=part(here))
    except Exception as error:
        return Finding(name, is_well=False, found=one_line(error))


def _settings(here: CliContext) -> str:
    settings = here.settings
    listed = f"{len(settings.watch_list.stocks)} stocks, {len(settings.watch_list.fx)} currency pairs"
    clock = f", clock set to {settings.as_if_at}" if settings.as_if_at else ""
    return f"engine {settings.engine}, {listed}, plan {settings.providers.alphavantage.plan}{clock}"


def _secrets(here: CliContext) -> str:
    if here.secrets.alphavantage_api_key is None:
        return "ALPHAVANTAGE_API_KEY is not set: queries work, fetching does not; see .env.example"
    return "ALPHAVANTAGE_API_KEY is set"


def _lake(here: CliContext) -> str:
    if here.lake.is_s3:
        return here.lake.root
    root = Path(here.lake.root)
    if not root.exists():
        return f"{root} is not there yet: the first run makes it"
    with tempfile.TemporaryFile(dir=root):
        return f"{root} can be written"


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


def _disk(here: CliContext) -> str:
    place = Path.cwd() if here.lake.is_s3 else _nearest(Path(here.lake.root))
    free = shutil.disk_usage(place).free
    if free < _LEAST_FREE_BYTES:
        raise OSError(f"only {free // 2**20} MiB are free at {place}; free some space before the next run")
    return f"{free / 2**30:.1f} GiB free at {place}"


def _nearest(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())


def _engine(here: CliContext) -> str:
    from jobs.session import engine_session  # noqa: PLC0415 - slow, and only looked at last

    with engine_session(here.settings, here.lake) as spark:
        answer = spark.sql("SELECT 1 AS one").collect()[0]["one"]
        return f"{here.settings.engine} answers {answer} (speaks Spark {spark.version})"
