"""What the report must not pass over: simulated figures, missing sessions and failed gates."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.tables.gold import DAILY_KPIS, SIGNALS, STOCK_OVERVIEW
from delta_tables.tables.ops import COMPLETENESS
from serving.report.render import write_report
from tests.builders.sample_lake import DAYS, add, due, kpi, overview, signal

NOW = datetime(2026, 1, 7, 23, 0, tzinfo=UTC)
TAG = '<span class="tag">simulated</span>'


def page_of(lake: Lake, folder: Path) -> str:
    return write_report(lake, folder / "report.html", NOW).read_text(encoding="utf-8")


def cells(page: str, symbol: str) -> list[str]:
    """The cells of the symbol's row of key figures."""
    (section,) = re.findall(r'<table id="kpis">.*?</table>', page, re.DOTALL)
    rows: list[str] = re.findall(r"<tr>.*?</tr>", section, re.DOTALL)
    (row,) = (row for row in rows if f">{symbol} " in row)
    return re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)


def tiles(page: str) -> list[tuple[str, str]]:
    """Title and content of each tile, in order."""
    return re.findall(r"<div><dt>(.*?)</dt>(<dd.*?</dd>)</div>", page, re.DOTALL)


def test_a_ratio_of_simulated_earnings_is_marked_where_it_stands(lake: Lake, tmp_path: Path) -> None:
    create_tables(lake)
    for symbol, changes in (
        ("BOTHREAL", {}),
        ("EARNINGS", {"is_simulated": True}),
        ("NORATIO", {"is_simulated": True, "pe_ratio": None}),
    ):
        for day in DAYS:
            add(lake, DAILY_KPIS, kpi(symbol, day, "1day", "5"))
            add(lake, STOCK_OVERVIEW, overview(symbol, day, "5", **changes))
    page = page_of(lake, tmp_path)
    marked = {
        name: [TAG in cell for cell in cells(page, name)] for name in ("BOTHREAL", "EARNINGS", "NORATIO")
    }
    assert not any(marked["BOTHREAL"])
    assert marked["EARNINGS"] == [False] * 15 + [True], "the last column is the P/E; the prices are real"
    assert not any(marked["NORATIO"])
    assert "Values marked" in page, "the mark is explained although no price is simulated"


def test_a_ratio_of_simulated_prices_is_marked_as_well(lake: Lake, tmp_path: Path) -> None:
    create_tables(lake)
    for day in DAYS:
        add(lake, DAILY_KPIS, kpi("ALL", day, "1day", "5", is_simulated=True))
        add(lake, STOCK_OVERVIEW, overview("ALL", day, "5", is_simulated=True))
    found = cells(page_of(lake, tmp_path), "ALL")
    assert (TAG in found[0], TAG in found[-1]) == (True, True)


def test_counts_of_signals_are_marked_if_a_counted_one_is_simulated(lake: Lake, tmp_path: Path) -> None:
    create_tables(lake)
    rows = [
        signal("A", DAYS[1], "P/E Ratio Alert", is_triggered=True, is_simulated=True),
        signal("B", DAYS[2], "P/E Ratio Alert", is_triggered=True),
        signal("C", DAYS[2], "P/E Ratio Alert", is_triggered=False, is_simulated=True),
    ]
    add(lake, SIGNALS, *rows)
    page = page_of(lake, tmp_path)
    assert TAG not in dict(tiles(page))["Signals triggered"], "the simulated ones did not trigger that day"
    assert f"1 of them on {DAYS[2]} {TAG}." in page
    add(lake, SIGNALS, signal("D", DAYS[2], "Other", is_triggered=True, is_simulated=True))
    assert TAG in dict(tiles(page_of(lake, tmp_path)))["Signals triggered"]


def test_missing_sessions_are_the_first_tile(lake: Lake, tmp_path: Path) -> None:
    create_tables(lake)
    days = [DAYS[0] + timedelta(days=step) for step in range(20)]
    add(lake, COMPLETENESS, *(due("KO", day, "missing", bars=0) for day in days))
    add(lake, COMPLETENESS, due("AAPL", DAYS[0], "on_time"), due("AAPL", DAYS[1], "late", bars=0))
    page = page_of(lake, tmp_path)
    title, content = tiles(page)[0]
    assert (title, content[:22]) == ("Missing sessions", '<dd class="fail">20<sm')
    assert '1 late; <a href="#completeness">' in content
    assert page.index('id="completeness"') < page.index('id="gates"'), "what is missing before what passed"
    header = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', page[page.index('id="completeness"') :])
    assert header.index("Missing") < header.index("On time")


def test_no_check_of_the_calendar_is_not_nothing_missing(lake: Lake, tmp_path: Path) -> None:
    create_tables(lake)
    title, content = tiles(page_of(lake, tmp_path))[0]
    assert (title, "not checked yet" in content) == ("Missing sessions", True)
    add(lake, COMPLETENESS, due("AAPL", DAYS[0], "on_time"))
    content = tiles(page_of(lake, tmp_path))[0][1]
    assert content.startswith("<dd>0<small>0 late")


def test_failed_gates_stand_before_what_passed(sample: Lake, tmp_path: Path) -> None:
    found = tiles(page_of(sample, tmp_path))
    titles = [title for title, _ in found]
    assert titles[:3] == ["Missing sessions", "Gates failed", "Rows in quarantine"]
    assert "Checks passed" not in titles
    assert "1 of 2 checks passed" in dict(found)["Gates failed"]
