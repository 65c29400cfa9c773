"""What a command works with: settings, secrets, lake, clock, console; built once a call."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console

from config.load import load_settings
from config.secrets import Secrets, load_secrets
from config.settings import Settings
from delta_tables.storage.lake import Lake, lake_of


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


def open_context(config_file: Path | None, *, is_json: bool) -> CliContext:
    """The context of one call.

    Raises:
        ConfigError: the settings cannot be used.
    """
    from jobs.runs.run_context import market_clock  # noqa: PLC0415 - imports delta-rs

    settings = load_settings(os.environ, config_file)
    secrets = load_secrets()
    clock = market_clock(settings.as_if_at)
    return CliContext(settings, secrets, lake_of(settings, secrets), is_json, Console(), clock, config_file)
