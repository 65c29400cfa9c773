"""What a run works with: settings, lake, clock and run id, built once at its beginning."""

import os
import secrets as random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import quality
from config.file_modes import apply_file_mode
from config.load import ConfigError, load_settings
from config.secrets import Secrets, load_secrets
from config.settings import Settings
from delta_tables.storage.arrow_io import query_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake, LakeError, lake_of
from delta_tables.tables.bronze import RAW_FILES, RAW_PAYLOADS
from jobs.runs.table_versions import require_recorded_versions

CHECKS = Path(quality.__file__).parent / "checks"
Clock = Callable[[], datetime]


@dataclass(frozen=True)
class RunContext:
    """All that a run needs, passed down as an argument.

    `clock` is the market's clock, which the setting `simulated_now` can set for simulated data; what the
    lakehouse itself does is recorded in real time. `checks` is the folder of the gates' checks files.
    """

    settings: Settings
    secrets: Secrets
    lake: Lake
    clock: Clock
    run_id: str
    checks: Path = CHECKS


def open_run_context(config_file: str | None = None) -> RunContext:
    """The context of a new run, from this process' environment and the settings file; creates all tables.

    Raises:
        ConfigError, LakeError, SchemaMismatch: what is wrong and what to do.
    """
    settings = load_settings(os.environ, Path(config_file) if config_file else None)
    return new_run_context(settings, load_secrets())


def new_run_context(settings: Settings, secrets: Secrets) -> RunContext:
    """The context of a new run; creates all tables.

    Raises:
        ConfigError, LakeError, SchemaMismatch: what is wrong and what to do.
    """
    apply_file_mode(settings)
    lake = lake_of(settings, secrets)
    _require_writable(lake)
    create_tables(lake)
    require_recorded_versions(lake)
    clock = market_clock(_not_before_newest(lake, settings.simulated_now))
    return RunContext(settings, secrets, lake, clock, new_run_id())


def _not_before_newest(lake: Lake, simulated_now: datetime | None) -> datetime | None:
    """The simulated instant, or that of the newest payload if it is later.

    A simulated clock starts at the same instant in each run, and what an earlier run received must not seem
    to come from the future.
    """
    if simulated_now is None or simulated_now.tzinfo is None:
        return simulated_now
    newest = newest_fetch(lake)
    return simulated_now if newest is None else max(simulated_now, newest + timedelta(milliseconds=1))


def newest_fetch(lake: Lake) -> datetime | None:
    """When the newest payload or file in Bronze was received, UTC; None if there is none.

    Raises:
        LakeError: Bronze cannot be read.
    """
    sql = "SELECT max(fetched_at) AS newest FROM stored"
    found = (query_rows(lake, table, sql) for table in (RAW_PAYLOADS, RAW_FILES))
    instants = [rows["newest"][0].as_py() for rows in found if rows is not None]
    return max((instant for instant in instants if instant is not None), default=None)


def _require_writable(lake: Lake) -> None:
    """Raises LakeError for a folder that must not be written, before any call of a quota is spent."""
    if lake.is_s3:
        return
    try:
        Path(lake.root).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=lake.root):
            return
    except OSError as error:
        raise LakeError(
            f"{lake.root}: the lake's folder may not be written ({error.strerror}); check its owner, its "
            "rights and how its disk is mounted, or set another `lake`"
        ) from None


def market_clock(simulated_now: datetime | None) -> Clock:
    """A clock in UTC: the real one, or one that runs from `simulated_now` on.

    Raises:
        ConfigError: `simulated_now` has no time zone.
    """
    if simulated_now is None:
        return utc_now
    if simulated_now.tzinfo is None:
        raise ConfigError("simulated_now: an instant needs its zone, such as 2010-08-20T22:30:00Z")
    began = time.monotonic()
    start = simulated_now.astimezone(UTC)
    return lambda: start + timedelta(seconds=time.monotonic() - began)


def utc_now() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


def new_run_id() -> str:
    """A new run's id; ids sort by the time at which they were made."""
    return f"{utc_now():%Y%m%dT%H%M%S%f}"[:-3] + f"Z-{random.token_hex(4)}"
