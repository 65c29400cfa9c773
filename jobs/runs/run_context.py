"""What a run works with: settings, lake, clock and run id, built once at its beginning."""

import os
import secrets as random
import tempfile
from dataclasses import dataclass
from pathlib import Path

import quality
from config.file_modes import apply_file_mode
from config.load import load_settings
from config.secrets import Secrets, load_secrets
from config.settings import Settings
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake, LakeError, lake_of
from jobs.runs.clock import Clock, run_clock, utc_now
from jobs.runs.table_versions import require_recorded_versions

CHECKS = Path(quality.__file__).parent / "checks"


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
    clock = run_clock(lake, settings)
    return RunContext(settings, secrets, lake, clock, new_run_id())


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


def new_run_id() -> str:
    """A new run's id; ids sort by the time at which they were made."""
    return f"{utc_now():%Y%m%dT%H%M%S%f}"[:-3] + f"Z-{random.token_hex(4)}"
