"""How a command of the command line ended."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    error: str

    @property
    def line(self) -> str:
        """The one line on stderr."""
        lines = self.error.splitlines()
        assert len(lines) == 1, self.error
        assert lines[0].startswith("lakehouse: ")
        assert "Traceback" not in self.out
        return lines[0]


Cli = Callable[..., Ended]
