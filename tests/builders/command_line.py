"""How a command of the command line ended."""

import re
from collections.abc import Callable
from dataclasses import dataclass

_PANIC = re.compile(r"^thread '[\w-]+' .*panicked at .*object_store.*$(\n(?!lakehouse: ).*)*", re.MULTILINE)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    error: str

    @property
    def line(self) -> str:
        """The one line on stderr.

        delta-rs (1.6.6) says a second time, from a thread of its own, that a disk is full; nothing in
        Python can keep that back, so it is let pass.
        """
        said = _PANIC.sub("", self.error).strip()
        assert re.fullmatch("lakehouse: .*", said), self.error
        assert "Traceback" not in self.out
        return said


Cli = Callable[..., Ended]
