"""The performance targets, compared with the figures in docs/benchmarks.md."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.case import EMBEDDED, NO_ENGINE, SPARK

OURS, POLARS, PYSPARK = "market-lakehouse", "delta-rs + Polars", "plain PySpark + Delta"
_ROW = re.compile(r"^\| (?P<name>[^|]+) \| (?P<engine>[^|]+) \| (?P<figures>[\d., |]+) \|$", re.MULTILINE)
SMALLER = "at a scale of"  # marks a case that was measured with less work
_MOST_GB = 4
_MB_A_GB = 1000


@dataclass(frozen=True)
class Figure:
    """A contestant's median seconds in a case, and the peak memory of its runs in MB."""

    seconds: float
    peak_mb: float


# By case, name of the contestant and engine, as the page has them.
Figures = Mapping[tuple[str, str, str], Figure]


@dataclass(frozen=True)
class Found:
    """The measured value, and the case it comes from if it is the worst of several."""

    value: float
    of: str = ""


@dataclass(frozen=True)
class Target:
    """A target: its text, its bound, whether the bound is a maximum, and how to find the measured value."""

    words: str
    bound: float
    unit: str
    is_most: bool
    find: Callable[[Figures], Found | None]

    def line(self, figures: Figures) -> str:
        """Returns the target's table row: the bound, the measured value, and whether it is reached."""
        wanted = f"at {'most' if self.is_most else 'least'} {self.bound:g} {self.unit}"
        found = self.find(figures)
        if found is None:
            return f"| {self.words} | {wanted} | | not measured |"
        is_met = found.value <= self.bound if self.is_most else found.value >= self.bound
        of = f" ({found.of})" if found.of else ""
        verdict = "reached" if is_met else "**not reached**"
        return f"| {self.words} | {wanted} | {found.value:.3g} {self.unit}{of} | {verdict} |"


def figures_in(sections: Mapping[str, str]) -> Figures:
    """Returns the figures in the tables of the page's sections; only cases measured at full size."""
    found: dict[tuple[str, str, str], Figure] = {}
    for case, text in sections.items():
        if SMALLER in text:
            continue
        for row in _ROW.finditer(text):
            cells = [cell.strip().replace(",", "") for cell in row["figures"].split("|")]
            found[case, row["name"].strip(), row["engine"].strip()] = Figure(float(cells[0]), float(cells[5]))
    return found


def targets_section(sections: Mapping[str, str]) -> str:
    """Returns the table of all targets, and a note on cases that were only measured at a smaller scale."""
    figures = figures_in(sections)
    small = [case for case, text in sections.items() if SMALLER in text]
    note = (
        f"\n\nMeasured at a smaller scale only, and not counted above: {', '.join(small)}." if small else ""
    )
    lines = "\n".join(target.line(figures) for target in TARGETS)
    return f"## targets\n\n| | target | measured | |\n|---|---|---|---|\n{lines}{note}"


def _ratio(long: tuple[str, str, str], short: tuple[str, str, str]) -> Callable[[Figures], Found | None]:
    """Returns a function that divides the time of `long` by that of `short`; each is (case, name, engine)."""

    def find(figures: Figures) -> Found | None:
        one, other = figures.get(long), figures.get(short)
        return Found(one.seconds / other.seconds) if one and other and other.seconds else None

    return find


def _memory(figures: Figures) -> Found | None:
    """Returns the lakehouse's highest peak memory in GB, and its case."""
    mine = [
        Found(each.peak_mb / _MB_A_GB, case)
        for (case, *who), each in figures.items()
        if who == [OURS, EMBEDDED]
    ]
    return max(mine, key=lambda each: each.value, default=None)


def _cold(figures: Figures) -> Found | None:
    mine = figures.get(("cold_query", OURS, EMBEDDED))
    return Found(mine.seconds) if mine else None


def _on_spark(figures: Figures) -> Found | None:
    """Returns the lowest speed-up of the lakehouse over plain PySpark on Apache Spark, and its case."""
    cases = {case for case, _, _ in figures}
    found = {case: _ratio((case, PYSPARK, SPARK), (case, OURS, SPARK))(figures) for case in cases}
    measured = {case: each for case, each in found.items() if each}
    ahead = [
        Found(each.value, f"{case}, the least of {len(measured)} cases") for case, each in measured.items()
    ]
    return min(ahead, key=lambda each: each.value, default=None)


TARGETS = (
    Target(
        "daily history with gates and bitemporal history, compared with delta-rs + Polars without them",
        *(1.5, "times as long", True),
        _ratio(("daily_history", OURS, EMBEDDED), ("daily_history", POLARS, NO_ENGINE)),
    ),
    Target(
        "ten million minute bars, compared with delta-rs + Polars",
        *(2, "times as long", True),
        _ratio(("minute_backfill", OURS, EMBEDDED), ("minute_backfill", POLARS, NO_ENGINE)),
    ),
    Target(
        "ten million minute bars, compared with plain PySpark",
        *(5, "times as fast", False),
        _ratio(("minute_backfill", PYSPARK, SPARK), ("minute_backfill", OURS, EMBEDDED)),
    ),
    Target(
        "a tick into 100 million bars, compared with one into 1 million",
        *(1.5, "times as long", True),
        _ratio(("tick_100_into_100m", OURS, EMBEDDED), ("tick_100_into_1m", OURS, EMBEDDED)),
    ),
    Target("peak memory in every measured case, embedded engine", _MOST_GB, "GB", True, _memory),
    Target("a query from the command line, cold", 3, "s", True, _cold),
    Target(
        "Apache Spark in every measured case, compared with plain PySpark, both warm",
        *(2, "times as fast", False),
        _on_spark,
    ),
)
