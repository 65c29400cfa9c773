"""docs/benchmarks.md: the targets, then one section a case; the others stay as they were measured."""

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

`make bench` writes this page: each contestant in fresh processes, in turn, on inputs that it makes itself.
Before the clock starts libraries are imported, the exchange's calendar is computed, engines are started and
warmed up, Apache Spark by the same work done once; what is measured runs to the last commit. Before anything
is timed, the contestants' rows are compared, figures within 0.00001; of cold_query only that each prints five
rows, of trades and quotes a digest a symbol and column, of signals all but the reason in words. Who is timed
once is timed in the run whose rows are compared.
Ratio: the lakehouse's median by the contestant's, on Apache Spark by that on Apache Spark. Memory is the most
at one time of the process and all it started, some 350 MB of it modules of the benchmark's own, which each
process loads; bytes are those that it read and wrote, caches included.
`limit:` is no tool, but the machine with the bytes that a case begins with: read from the disk, written into
one file up to the end of fsync, decompressed and parsed into numbers that are thrown away.

The lakehouse does more than the others: it keeps history and quarantine, and publishes through gates; of a
tick the others make bars and key figures, it makes signals and the overview, too; ticks and corrections it
lands in Bronze first. Plain PySpark is as pipelines commonly have it: one MERGE a table, into a new one too,
and default settings; the lakehouse's server has those of delta_tables/storage/spark_settings.py and
-XX:+UseSerialGC. What is slow, why, and what would help: [ADR 0009](adr/0009-what-makes-a-build-fast.md).
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
    """What a contestant's runs cost, for so many rows of work."""

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
    """Puts the case's section in place of the one before; sections stand in the given order of cases."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    sections = {found[1]: found[0].rstrip() for found in _SECTION.finditer(text)}
    sections[case.name] = section(case, results, scale)
    measured = {name: sections[name] for name in order if name in sections}
    parts = [_HEADING.rstrip(), targets_section(measured), *measured.values()]
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def section(case: Case, results: Sequence[Result], scale: float) -> str:
    """The table of a case that ran, with the machine and the versions that it was measured with."""
    small = "" if scale == 1 else f", {SMALLER} {scale:g} only"
    rows = (
        "| | engine | median s | min | max | ratio | rows/s | peak MB | read MB | written MB |\n"
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    )
    lines = "\n".join(_line(result, results) for result in results)
    counted = f"{results[0].rows:,} rows of work{small}, runs each: {_runs(results)}"
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
    """How many times as long the lakehouse takes."""
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
