"""The targets are held against the figures that the page has."""

from pathlib import Path

import pytest

from benchmarks.case import EMBEDDED
from benchmarks.cases import CASES
from benchmarks.measuring import Cost
from benchmarks.report import Result, section, write_report
from benchmarks.targets import TARGETS, figures_in, targets_section


def page(**seconds: dict[str, float]) -> dict[str, str]:
    """Sections of cases, with the seconds of contestants by their key."""
    return {
        name: section(
            CASES[name],
            [
                Result(CASES[name].contestant(key), 10, (Cost(seconds=value, peak_mb=2000),))
                for key, value in found.items()
            ],
            1,
        )
        for name, found in seconds.items()
    }


@pytest.mark.parametrize(("ours", "verdict"), [(1.5, "reached"), (1.6, "**not reached**")])
def test_a_target_is_reached_up_to_its_bound(ours: float, verdict: str) -> None:
    text = targets_section(page(daily_history={"lakehouse": ours, "polars": 1.0, "duckdb": 0.1}))
    (line,) = (line for line in text.splitlines() if line.startswith("| daily history"))
    assert line.endswith(f"| at most 1.5 times as long | {ours:g} times as long | {verdict} |")


def test_what_has_no_figures_is_not_measured() -> None:
    lines = targets_section({}).splitlines()
    assert sum(line.endswith("| not measured |") for line in lines) == len(TARGETS)


def test_of_several_cases_the_worst_counts_and_is_named() -> None:
    found = page(
        daily_history={"lakehouse": 1.0, "lakehouse-spark": 10.0, "pyspark": 30.0},
        one_correction={"lakehouse": 1.0, "lakehouse-spark": 10.0, "pyspark": 19.0},
    )
    text = targets_section(found)
    assert "| 1.9 times as fast (one_correction, the least of 2 cases) | **not reached** |" in text
    assert "| 2 GB (daily_history) | reached |" in text


def test_the_page_says_which_cases_were_small(tmp_path: Path) -> None:
    path, case = tmp_path / "page.md", CASES["daily_history"]
    results = [Result(case.contestants[0], 10, (Cost(seconds=1234.5),))]
    for name, scale in (("cold_query", 1.0), ("daily_history", 0.5), ("daily_history", 0.5)):
        write_report(path, CASES[name], results, scale, list(CASES))
    text = path.read_text(encoding="utf-8")
    assert text.count("## targets") == 1
    assert text.index("## targets") < text.index("## cold_query") < text.index("## daily_history")
    assert "Measured at a smaller scale only, and not counted above: daily_history." in text


def test_large_figures_are_read_as_they_were_written() -> None:
    figures = figures_in(page(daily_history={"lakehouse": 1234.5}))
    assert figures["daily_history", "market-lakehouse", EMBEDDED].seconds == 1234.5
