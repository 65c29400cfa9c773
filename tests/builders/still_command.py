"""The command line under a market's clock that stands still at NOW, so that repeated runs give the same rows.

Usage: python -m tests.builders.still_command --config CONFIG COMMAND ...
"""

from datetime import datetime

from flows.cli.entry_point import run_in_process


def run_still_app() -> None:
    """Runs the command line; imports it only here, so that Ctrl-C during the imports is handled as usual."""
    from jobs.runs import clock  # noqa: PLC0415
    from tests.builders.installation import NOW  # noqa: PLC0415

    now = datetime.fromisoformat(NOW)
    setattr(clock, "market_clock", lambda _simulated_now: lambda: now)
    from flows.cli.app import app  # noqa: PLC0415

    app()


if __name__ == "__main__":
    run_in_process(run_still_app)
