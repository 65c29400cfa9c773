"""Runs a command of `lakehouse` on a given lake."""

from datetime import UTC, datetime
from unittest.mock import patch

from rich.console import Console
from typer.testing import CliRunner, Result

from config.secrets import Secrets
from config.settings import Settings
from delta_tables.storage.lake import Lake
from flows.cli import context
from flows.cli.app import app


def run_command(
    lake: Lake,
    *words: object,
    is_json: bool = False,
    settings: Settings | None = None,
    console: Console | None = None,
    now: datetime = datetime(2026, 1, 7, tzinfo=UTC),
    catches: bool = False,
) -> Result:
    """What the command prints and its exit code; its errors are raised unless `catches` is set."""
    opened = context.CliContext(
        settings or Settings(), Secrets(_env_file=None), lake, is_json, console or Console(), lambda: now
    )
    with patch.object(context, "open_context", return_value=opened):
        return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=catches)


def output_of(lake: Lake, *words: object, is_json: bool = False, settings: Settings | None = None) -> str:
    """What a command that succeeds prints to standard output."""
    result = run_command(lake, *words, is_json=is_json, settings=settings)
    assert result.exit_code == 0, result.output
    return result.stdout
