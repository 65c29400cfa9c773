"""What the lakehouse is to reach, held against the figures that docs/benchmarks.md has."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

OURS, POLARS, PYSPARK = "market-lakehouse", "delta-rs + Polars", "plain PySpark + Delta"
_EMBEDDED, _SPARK, _NO_ENGINE = "embedded", "Apache Spark", "-"
_ROW = re.compile(r"^\| (?P<name>[^|]+) \| (?P<engine>[^|]+) \| (?P<figures>[\d., |]+) \|$", re.MULTILINE)
_MOST_GB = 4
_MB_A_GB = 1024


@dataclass(frozen=True)
class Figure:
    """A contestant's median seconds at a case, and the most memory of its runs, in MB."""

    seconds: float
    peak_mb: float


# By case, name of the contestant and engine, as the page has them.
Figures = Mapping[tuple[str, str, str], Figure]


@dataclass(frozen=True)
class Found:
    """What was found: a number to hold against the target, and where it is the worst of several, of what."""

    value: float
    of: str = ""


@dataclass(frozen=True)
class Target:
    """A target in words, its bound, whether less is better, and how what was reached is found."""

    words: str
    bound: float
    unit: str
    is_most: bool
    find: Callable[[Figures], Found | None]

    def line(self, figures: Figures) -> str:
        """The target's row: what is wanted, what was found, whether that is enough."""
        wanted = f"at {'most' if self.is_most else 'least'} {self.bound:g} {self.unit}"
        found = self.find(figures)
        if found is None:
            return f"| {self.words} | {wanted} | | not measured |"
        is_met = found.value <= self.bound if self.is_most else found.value >= self.bound
        of = f" ({found.of})" if found.of else ""
        verdict = "reached" if is_met else "**not reached**"
        return f"| {self.words} | {wanted} | {found.value:.3g} {self.unit}{of} | {verdict} |"


def figures_in(sections: Mapping[str, str]) -> Figures:
    """The figures in the tables of the page's sections, which are given by the names of their cases."""
    found: dict[tuple[str, str, str], Figure] = {}
    for case, text in sections.items():
        for row in _ROW.finditer(text):
            cells = [cell.strip().replace(",", "") for cell in row["figures"].split("|")]
            found[case, row["name"].strip(), row["engine"].strip()] = Figure(float(cells[0]), float(cells[5]))
    return found


def targets_section(sections: Mapping[str, str]) -> str:
    """The table of all targets; says which cases were measured at a smaller scale only."""
    figures = figures_in(sections)
    small = [case for case, text in sections.items() if "at a scale of" in text]
    note = f"\n\nMeasured at a smaller scale only: {', '.join(small)}." if small else ""
    lines = "\n".join(target.line(figures) for target in TARGETS)
    return f"## targets\n\n| | wanted | found | |\n|---|---|---|---|\n{lines}{note}"


def _times(case: str, ours: str, name: str, engine: str) -> Callable[[Figures], Found | None]:
    """How many times as long the lakehouse on the engine `ours` takes as another contestant."""

    def find(figures: Figures) -> Found | None:
        mine, other = figures.get((case, OURS, ours)), figures.get((case, name, engine))
        return Found(mine.seconds / other.seconds) if mine and other and other.seconds else None

    return find


def _ahead(case: str) -> Callable[[Figures], Found | None]:
    """How many times as long plain PySpark takes as the lakehouse on the embedded engine."""

    def find(figures: Figures) -> Found | None:
        mine, other = figures.get((case, OURS, _EMBEDDED)), figures.get((case, PYSPARK, _SPARK))
        return Found(other.seconds / mine.seconds) if mine and other and mine.seconds else None

    return find


def _tick(figures: Figures) -> Found | None:
    large, small = (figures.get((f"tick_100_into_{size}m", OURS, _EMBEDDED)) for size in (100, 1))
    return Found(large.seconds / small.seconds) if large and small and small.seconds else None


def _memory(figures: Figures) -> Found | None:
    mine = [Found(each.peak_mb / _MB_A_GB, case) for (case, *who), each in figures.items() if _is_ours(who)]
    return max(mine, key=lambda each: each.value, default=None)


def _is_ours(who: Iterable[str]) -> bool:
    return tuple(who) == (OURS, _EMBEDDED)


def _cold(figures: Figures) -> Found | None:
    mine = figures.get(("cold_query", OURS, _EMBEDDED))
    return Found(mine.seconds) if mine else None


def _on_spark(figures: Figures) -> Found | None:
    """The case where the lakehouse on Apache Spark is least ahead of plain PySpark."""
    ours = {case: each for (case, *who), each in figures.items() if tuple(who) == (OURS, _SPARK)}
    ahead = [
        Found(figures[case, PYSPARK, _SPARK].seconds / each.seconds, f"the least: {case}")
        for case, each in ours.items()
        if (case, PYSPARK, _SPARK) in figures and each.seconds
    ]
    return min(ahead, key=lambda each: each.value, default=None)


TARGETS = (
    Target(
        "daily history, gated, with history, beside delta-rs + Polars without",
        *(1.5, "times as long", True),
        _times("daily_history", _EMBEDDED, POLARS, _NO_ENGINE),
    ),
    Target(
        "ten million minute bars beside delta-rs + Polars",
        *(2, "times as long", True),
        _times("minute_backfill", _EMBEDDED, POLARS, _NO_ENGINE),
    ),
    Target(
        "ten million minute bars beside plain PySpark",
        *(5, "times as fast", False),
        _ahead("minute_backfill"),
    ),
    Target("a tick into 100 million bars beside one into 1 million", 1.5, "times as long", True, _tick),
    Target("peak memory in every case that was measured, embedded engine", _MOST_GB, "GB", True, _memory),
    Target("a question from the command line, cold", 3, "s", True, _cold),
    Target(
        "Apache Spark, in every case that was measured, beside plain PySpark, both warm",
        *(2, "times as fast", False),
        _on_spark,
    ),
)
