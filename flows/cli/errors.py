"""Any error as one line for a person, with what to do about it."""

import os
import re
import sys
from collections.abc import Iterator
from typing import NoReturn

from config.plain_links import with_own_paths

EXIT_ERROR = 2
EXIT_NOT_EVALUATED = 3
_OWN = {"config", "delta_tables", "flows", "jobs", "quality", "serving"}
_HINTS = {
    "Invalid JSON in log record": "a table's log is damaged: `lakehouse doctor` names the table",
    "Object Store error": "a data file is missing or damaged: restore it from a backup, or build "
    "the table again with `lakehouse repair`",
    "No space left": "the disk is full: free some space and run again; nothing is half-published",
    "Permission denied": "the lake's folder may not be written: check its owner and rights",
    "Failed to reach API": "Prefect's server does not answer: start it, or unset PREFECT_API_URL",
    "Connection refused": "the engine or the store does not answer: is it running?",
    "UNAVAILABLE": "the engine does not answer: check [spark] remote, or the embedded engine's log",
}


def leave(error: Exception, exit_code: int) -> NoReturn:
    """Ends the process with the error as one line on stderr; with DEBUG=1 by the error itself."""
    if os.environ.get("DEBUG"):
        raise error
    print(f"lakehouse: {one_line(error)}", file=sys.stderr)  # noqa: T201 - the command line's voice
    sys.exit(exit_code)


def one_line(error: BaseException) -> str:
    """The error in one line, with a hint if one is known."""
    texts = [str(cause).strip() or type(cause).__name__ for cause in _causes(error)]
    own = type(error).__module__.split(".", 1)[0] in _OWN
    text = texts[0] if own else f"{type(error).__name__}: {texts[0]}"
    line = re.sub(r"\s+", " ", with_own_paths(text))
    hint = next((hint for sign, hint in _HINTS.items() if any(sign in text for text in texts)), None)
    return f"{line[:600]} - {hint}" if hint else line[:900]


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
