"""What a command works with: settings, secrets, lake, clock and console, built once per call."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from config.file_modes import apply_file_mode
from config.load import load_settings
from config.secrets import Secrets, load_secrets
from config.settings import Settings
from delta_tables.storage.lake import Lake, lake_of

if TYPE_CHECKING:
    from jobs.runs.run_context import RunContext


@dataclass(frozen=True)
class GlobalOptions:
    """The options in front of the command's name."""

    config_file: Path | None = None
    is_json: bool = False


@dataclass(frozen=True)
class CliContext:
    """One call's context; `now` is the market's clock, which settings may set for simulated data."""

    settings: Settings
    secrets: Secrets
    lake: Lake
    is_json: bool
    console: Console
    now: Callable[[], datetime]
    config_file: Path | None = None

    @property
    def config_text(self) -> str | None:
        """The settings file as a flow parameter."""
        return str(self.config_file) if self.config_file else None

    def require_lake(self) -> None:
        """For a command that reads or keeps a lake, and must not create one.

        Raises:
            LakeError: there is none.
        """
        from delta_tables.storage.create_tables import require_tables  # noqa: PLC0415 - imports delta-rs

        require_tables(self.lake)

    def new_run(self) -> "RunContext":
        """The context of a new run; creates all tables.

        Raises:
            LakeError, SchemaMismatch: what is wrong and what to do.
        """
        from jobs.runs.run_context import new_run_context  # noqa: PLC0415 - imports delta-rs

        return new_run_context(self.settings, self.secrets)


def cli_context(ctx: typer.Context) -> CliContext:
    """The context of the command that typer calls.

    Raises:
        ConfigError: the settings cannot be used.
    """
    options = ctx.find_object(GlobalOptions) or GlobalOptions()
    return open_context(options.config_file, is_json=options.is_json)


def open_context(config_file: Path | None, *, is_json: bool) -> CliContext:
    """The context of one call.

    Raises:
        ConfigError: the settings cannot be used.
    """
    from jobs.runs.clock import market_clock  # noqa: PLC0415 - imports delta-rs

    settings = load_settings(os.environ, config_file)
    apply_file_mode(settings)
    secrets = load_secrets()
    clock = market_clock(settings.simulated_now)
    return CliContext(settings, secrets, lake_of(settings, secrets), is_json, Console(), clock, config_file)
