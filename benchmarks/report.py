"""Writes docs/benchmarks.md: the targets, then one section per case; a run replaces only its own cases."""

import os
import platform
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks.case import LAKEHOUSE, SPARK, Case, Contestant
from benchmarks.measuring import Cost
from benchmarks.targets import OURS, POLARS, PYSPARK, SMALLER, targets_section

_HEADING = """# Benchmarks

`make bench` writes this page. Each tool, the lakehouse included, runs in fresh processes, in turn, on
inputs that the benchmark generates. Before the clock starts, libraries are imported, the exchange's
calendar is computed, and engines are started and warmed up (Apache Spark by doing the same work once). The
measurement ends with the last commit.

Before anything is timed, the rows of all tools are compared, numbers within 0.00001. Three comparisons
are weaker: for cold_query only the number of printed rows, for trades and quotes a digest per symbol and
column, for signals everything except the text of the reason. A tool that is timed once is timed in the
run whose rows are compared.

- `ratio` is the lakehouse's median divided by the other tool's; both on Apache Spark if that tool
  uses it.
- `peak MB` is the peak memory of the process and all its child processes. About 350 MB of it are modules
  of the benchmark, which each process loads.
- `read MB` and `written MB` are the bytes that the processes read and wrote, caches included.
- `limit:` is not a tool but the machine's limit for the case's input: reading it from disk, writing it to
  one file including fsync, or decompressing it and parsing it into numbers that are discarded.

The lakehouse does more than the other tools. It keeps history and quarantine, and publishes through
quality gates. A tick is a build after five minutes of new bars. For a tick, the other tools compute bars
and metrics; the lakehouse also computes signals and the overview, and first appends ticks and corrections
to Bronze. Plain PySpark is written as pipelines commonly are: one MERGE per table, also into a new one,
and default settings; the lakehouse's server uses the settings in
delta_tables/storage/spark_settings.py and -XX:+UseSerialGC. [ADR
0009](adr/0009-what-makes-a-build-fast.md) explains what is slow, why, and what would help.
"""
_PACKAGES = ("pysail", "pyspark", "deltalake", "polars", "duckdb", "soda-core-spark-df")
_SECTION = re.compile(r"^## (\w+)\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_WORDS = {
    LAKEHOUSE: OURS,
    "reader": "market-lakehouse, open_reader",
    "polars": POLARS,
    "duckdb": "DuckDB, Parquet",
    "pyspark": PYSPARK,
}


@dataclass(frozen=True)
class Result:
    """The costs of a contestant's runs; `rows` is the number of input rows of the case."""

    contestant: Contestant
    rows: int
    costs: tuple[Cost, ...]

    @property
    def seconds(self) -> float:
        """The median of its runs."""
        return median(each.seconds for each in self.costs)


def write_report(
    path: Path, case: Case, results: Sequence[Result], scale: float, order: Sequence[str]
) -> None:
    """Replaces the case's section in the page; sections follow the given order of cases."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    sections = {found[1]: found[0].rstrip() for found in _SECTION.finditer(text)}
    sections[case.name] = section(case, results, scale)
    measured = {name: sections[name] for name in order if name in sections}
    parts = [_HEADING.rstrip(), targets_section(measured), *measured.values()]
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def section(case: Case, results: Sequence[Result], scale: float) -> str:
    """Returns the section of a case: its table, the machine, and the versions of the packages."""
    small = "" if scale == 1 else f", {SMALLER} {scale:g} only"
    rows = (
        "| | engine | median s | min | max | ratio | rows/s | peak MB | read MB | written MB |\n"
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    )
    lines = "\n".join(_line(result, results) for result in results)
    counted = f"{results[0].rows:,} rows of work{small}; runs per tool: {_runs(results)}"
    return f"## {case.name}\n\n{case.title}: {counted}.\n\n{rows}\n{lines}\n\n{_where()}"


def _runs(results: Sequence[Result]) -> str:
    on_spark = {len(each.costs) for each in results if each.contestant.engine == SPARK}
    others = {len(each.costs) for each in results if each.contestant.engine != SPARK} or on_spark
    return f"{min(others)}{f', on Apache Spark {min(on_spark)}' if on_spark - others else ''}"


def _line(result: Result, results: Iterable[Result]) -> str:
    name = _WORDS.get(result.contestant.name, result.contestant.name)
    seconds = [each.seconds for each in result.costs]
    figures = (
        *(f"{value:.2f}" for value in (result.seconds, min(seconds), max(seconds))),
        _ratio(result, results),
        f"{result.rows / result.seconds:,.0f}",
        *(
            f"{max(getattr(each, name) for each in result.costs):,.0f}"
            for name in ("peak_mb", "read_mb", "written_mb")
        ),
    )
    return f"| {name} | {result.contestant.engine} | {' | '.join(figures)} |"


def _ratio(result: Result, results: Iterable[Result]) -> str:
    """Returns the lakehouse's time divided by the contestant's, as text; empty for the lakehouse itself."""
    if result.contestant.name == LAKEHOUSE or result.contestant.is_limit:
        return ""
    on_spark = result.contestant.engine == SPARK
    ours = [
        each
        for each in results
        if each.contestant.name == LAKEHOUSE and (each.contestant.engine == SPARK) == on_spark
    ]
    return f"{ours[0].seconds / result.seconds:.2f}" if ours else ""


def _where() -> str:
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    machine = f"{os.cpu_count()} cores, {gib:.0f} GiB, {platform.system()} {platform.machine()}"
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    return f"Measured on {today}: {machine}, Python {platform.python_version()}, {packages}."
