"""The surroundings of a command's process: told once, before Prefect is imported."""

import os
import sys
from collections.abc import Callable

from flows.cli.errors import EXIT_ERROR, leave

_TOLD = {
    # Prefect and Soda report home unless they are told not to.
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # Without a server of its own Prefect starts one; its first start makes a database, 10 to 25 s.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
}
# Prefect's server gets its warnings and errors; on the terminal an error is one line, not a traceback.
_QUIET = {"PREFECT_LOGGING_LEVEL": "WARNING", "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"}


def run_in_process(command: Callable[[], None]) -> None:
    """Runs a command; an error is one line on stderr and exit code 2, with DEBUG=1 its trace."""
    quiet = {} if "PREFECT_LOGGING_LEVEL" in os.environ else _QUIET
    for name, value in {**_TOLD, **quiet}.items():
        os.environ.setdefault(name, value)
    try:
        command()
    except KeyboardInterrupt:
        sys.exit("stopped; what had landed is kept, the next run goes on from there")
    except Exception as error:
        leave(error, EXIT_ERROR)
