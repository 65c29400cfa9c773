"""Reconciliation breaks: the command, the report, and the trace back to the bytes."""

import json
import shutil
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from delta_tables.storage.lake import Lake, LakeError
from delta_tables.tables.gold import DAILY_KPIS, STOCK_OVERVIEW
from delta_tables.tables.gold_reconciliation import BAR_BREAKS
from delta_tables.tables.silver import BARS
from serving.errors import ServingError
from serving.explain.explain import explain
from serving.monitor.breaks import break_counts, breaks_of
from serving.report.data import report_data
from serving.report.render import write_report
from tests.builders.sample_lake import DAILY_BODY, DAYS, RUN, Row, add, bar, fill, kpi, overview, sha, utc
from tests.serving.command_line import output_of

NOW = datetime(2026, 1, 7, 23, tzinfo=UTC)
OF_YAHOO = "f" * 64


def broken(field: str = "close", **changes: Any) -> Row:
    """AAPL's close of the last session, 252.30 to one and 255 to the other."""
    row: Row = {"symbol": "AAPL", "interval": "1day", "timestamp": utc(DAYS[2], 5), "trade_dt": DAYS[2]}
    row |= {"session": "regular", "field": field, "provider_a": "alphavantage", "provider_b": "yahoo"}
    row |= {"status": "differs", "basis": "raw", "value_a": Decimal("252.3"), "value_b": Decimal(255)}
    row |= {"difference": Decimal("2.7"), "relative_difference": Decimal("107.015458"), "unit": "bp"}
    row |= {"tolerance": Decimal(10), "payload_id_a": sha(DAILY_BODY), "payload_id_b": OF_YAHOO}
    row |= {"is_simulated": False, "run_id": RUN, "partition_dt": DAYS[2].replace(month=1, day=1)}
    return row | changes


@pytest.fixture
def compared(lake: Lake) -> Lake:
    fill(lake)
    volume: Row = {"field": "volume", "unit": "%", "relative_difference": Decimal("7.5"), "trade_dt": DAYS[1]}
    nothing: Row = dict.fromkeys(
        ("value_a", "value_b", "difference", "relative_difference", "unit", "tolerance")
    )
    missing: Row = {"field": "bar", "status": "missing", "payload_id_b": None, **nothing}
    msft = broken(symbol="MSFT", **missing)
    add(lake, BAR_BREAKS, broken(), broken("high"), broken(**volume), msft)
    return lake


def test_breaks_are_counted_by_symbol_and_pair(compared: Lake) -> None:
    counts = [
        (row["symbol"], row["provider_a"], row["provider_b"], row["status"], row["breaks"], row["sessions"])
        for row in break_counts(compared)
    ]
    assert counts == [
        ("AAPL", "alphavantage", "yahoo", "differs", 3, 2),
        ("MSFT", "alphavantage", "yahoo", "missing", 1, 1),
    ]
    first, second = break_counts(compared)
    assert (str(first["largest_bp"]), str(first["largest_volume_pct"])) == ("107.015458", "7.500000")
    assert (second["largest_bp"], second["latest"]) == (None, DAYS[2])


def test_the_command_prints_lines_or_json(compared: Lake) -> None:
    lines = output_of(compared, "breaks").splitlines()
    assert lines[0].split("\t")[:6] == ["symbol", "interval", "provider_a", "provider_b", "status", "breaks"]
    assert lines[1].startswith("AAPL\t1day\talphavantage\tyahoo\tdiffers\t3\t2\t107.015458\t7.5\t2026-01-06")
    found = json.loads(output_of(compared, "breaks", "AAPL", "--limit", "2", is_json=True))
    assert [(row["field"], row["value_b"]) for row in found] == [
        ("close", "255.000000000000"),
        ("high", "255.000000000000"),
    ]
    assert output_of(compared, "breaks", "EURUSD") == "no breaks of EURUSD\n"
    assert json.loads(output_of(compared, "breaks", "EURUSD", is_json=True)) == []


@pytest.mark.parametrize(
    ("symbol", "hint"), [("AAPLE", "did you mean AAPL"), ("ZZZ", "there are 3 symbols"), ("EURUS", "EURUSD")]
)
def test_a_symbol_without_bars_is_not_one_without_breaks(compared: Lake, symbol: str, hint: str) -> None:
    with pytest.raises(ServingError, match=rf"{symbol} is unknown to the lake.*; .*{hint}"):
        output_of(compared, "breaks", symbol)


def test_a_wrong_request_is_refused_with_a_message(compared: Lake) -> None:
    with pytest.raises(ServingError, match="is not a symbol"):
        breaks_of(compared, "A' or true --", 1)
    with pytest.raises(LakeError, match=r"no lake at /nowhere/at/all: .*`lakehouse run`"):
        output_of(Lake("/nowhere/at/all"), "breaks")


def test_a_lake_from_before_the_comparison_says_how_to_get_it(compared: Lake) -> None:
    shutil.rmtree(Path(compared.root) / "gold/bar_breaks")
    with pytest.raises(LakeError, match=r"no gold\.bar_breaks .*`lakehouse build`"):
        output_of(compared, "breaks")


def test_a_break_leads_to_both_bars_and_their_bytes(compared: Lake) -> None:
    theirs = bar("AAPL", DAYS[2], "1day", "255", provider="yahoo", payload_id=OF_YAHOO, position="/chart")
    add(compared, BARS, theirs)
    key = ["symbol=AAPL", "trade_dt=2026-01-06", "field=close"]
    found = explain(compared, "gold.bar_breaks", key)
    assert [[str(row["close"]) for row in part.rows] for part in found.evidence] == [
        ["252.300000000000"],
        ["255.000000000000"],
    ]
    assert [source.payload_id for source in found.sources] == [sha(DAILY_BODY)]
    assert found.lost == (OF_YAHOO,)


def test_the_report_counts_the_breaks(compared: Lake, tmp_path: Path) -> None:
    page = write_report(compared, tmp_path / "report.html", NOW).read_text(encoding="utf-8")
    section = page[page.index('id="breaks"') : page.index('id="refused"')]
    assert "107.0" in section
    assert section.index("AAPL") < section.index("MSFT")


def test_the_report_shows_the_figures_of_the_provider_that_gold_uses(lake: Lake) -> None:
    fill(lake)
    for day in DAYS:
        add(lake, DAILY_KPIS, kpi("KO", day, "1day", "70"), kpi("KO", day, "1day", "71", provider="massive"))
        add(lake, STOCK_OVERVIEW, overview("KO", day, "71", provider="massive"))
    data = report_data(lake, NOW)
    assert [(row["provider"], float(row["close"])) for row in data.kpis if row["symbol"] == "KO"] == [
        ("massive", 71.0)
    ]
    (drawn,) = (each for each in data.charts if each.symbol == "KO")
    assert "71.00" in drawn.sessions.summary
