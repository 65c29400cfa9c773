"""What a benchmark is: a case, its inputs, and who contests in it.

Where do I go to ... add a case: benchmarks/cases; write it for another tool: benchmarks/peers; see how it is
measured: benchmarks/contest.py; change the table: benchmarks/report.py.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

LAKEHOUSE = "lakehouse"
LIMIT = "limit: "  # begins the name of what is no tool, but what the machine can do
EMBEDDED, SPARK, NO_ENGINE = "embedded", "Apache Spark", "-"

# From the folder of the inputs and a folder of its own: up to its first `yield` it gets ready (starts its
# engine, imports its libraries), from there to its second it does the work that is measured; then, if it only
# reads, it leaves what it read.
Work = Callable[[Path, Path], Generator[None]]
# What the work left in that folder, under names: tables in an order of their own, to be compared.
Answer = Callable[[Path], Mapping[str, pa.Table]]


@dataclass(frozen=True)
class Contestant:
    """A tool at a case, or a limit of the machine; `answer` None: there is nothing to compare."""

    name: str
    engine: str
    ctx: Work
    answer: Answer | None = None

    @property
    def key(self) -> str:
        """Names it on the command line: `lakehouse`, `lakehouse-spark`, `polars`."""
        return f"{self.name}-spark" if self.name == LAKEHOUSE and self.engine == SPARK else self.name

    @property
    def is_limit(self) -> bool:
        """Whether it says what the machine can do, not what a tool does."""
        return self.name.startswith(LIMIT)


@dataclass(frozen=True)
class Case:
    """One piece of work, the same for all contestants.

    `prepare(inputs, scale)` writes the inputs, once, and gives the number of rows of work in them; a scale
    below 1 makes them smaller. The first contestant is the one that others are compared with.
    """

    name: str
    title: str
    prepare: Callable[[Path, float], int]
    contestants: tuple[Contestant, ...]

    def contestant(self, key: str) -> Contestant:
        """The contestant with this key; raises KeyError where there is none."""
        return {each.key: each for each in self.contestants}[key]
