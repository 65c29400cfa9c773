"""Any error as one line for a person: what was wanted, found, and what to do."""

import re
from collections.abc import Iterator

EXIT_ERROR = 2
_ENGINE_HINTS = {
    "No space left": "the disk is full: free some space and run again; nothing is half-published",
    "Permission denied": "the lake's folder may not be written: check its owner and rights",
    "Connection refused": "the engine or the store does not answer: is it running?",
    "UNAVAILABLE": "the engine does not answer: check [spark] remote, or the embedded engine's log",
}


def one_line(error: BaseException) -> str:
    """The error in one line, with a hint where one is known."""
    texts = [str(each).strip() or type(each).__name__ for each in _causes(error)]
    own = type(error).__module__.split(".", 1)[0] in {"config", "delta_tables", "flows", "jobs", "quality"}
    text = texts[0] if own else f"{type(error).__name__}: {texts[0]}"
    line = re.sub(r"\s+", " ", text)
    hint = next((hint for sign, hint in _ENGINE_HINTS.items() if any(sign in each for each in texts)), None)
    return f"{line[:600]} - {hint}" if hint else line[:900]


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
