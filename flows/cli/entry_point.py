"""The command `lakehouse`: the process around it, its exit codes, and Ctrl-C."""

import os
from collections.abc import Callable

from delta_tables.storage.commits import Interrupted
from flows.cli.interrupts import (
    handle_interrupts,
    ignore_interrupts,
    leave_if_interrupted,
    leave_interrupted,
)

# Prefect and Soda report home unless they are told not to. No command starts a Prefect server.
_PROCESS_ENV = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
}
# Prefect's server gets its warnings and errors; on the terminal an error is one line, not a traceback.
_QUIET = {"PREFECT_LOGGING_LEVEL": "WARNING", "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"}


def main() -> None:
    """Runs the command line."""
    run_in_process(_run_app)


def run_in_process(command: Callable[[], None]) -> None:
    """Runs a command; an error is one line on stderr and exit code 2, with DEBUG=1 its traceback."""
    handle_interrupts()
    quiet = {} if "PREFECT_LOGGING_LEVEL" in os.environ else _QUIET
    for name, value in {**_PROCESS_ENV, **quiet}.items():
        os.environ.setdefault(name, value)
    try:
        _one_line_for_errors(command)
        leave_if_interrupted()
    except (Interrupted, KeyboardInterrupt):
        leave_interrupted()
    finally:
        ignore_interrupts()


def _one_line_for_errors(command: Callable[[], None]) -> None:
    try:
        command()
    except SystemExit:
        leave_if_interrupted()
        raise
    except Exception as error:
        leave_if_interrupted()
        from flows.cli.errors import EXIT_ERROR, leave  # noqa: PLC0415 - needed after an error only

        leave(error, EXIT_ERROR)


def _run_app() -> None:
    from flows.cli.app import app  # noqa: PLC0415 - Ctrl-C while it is imported is handled, too

    app(prog_name="lakehouse")


if __name__ == "__main__":
    main()
