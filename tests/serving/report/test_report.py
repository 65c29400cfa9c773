"""The report: one page, whatever the lake holds."""

import re
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.tables.gold import DAILY_KPIS, SIGNALS, STOCK_OVERVIEW
from serving.report.data import report_data
from serving.report.render import write_report
from serving.report.svg_charts import ChartPoint, nice_ticks, price_chart, short_number
from tests.builders import sample_lake

NOW = datetime(2026, 1, 7, 23, 0, tzinfo=UTC)
HOSTILE = "</script><script>alert(1)</script>\"'<img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """Tags opened and left open, and the text of the page without its script and style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open_tags: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "input", "br"}:
            self.open_tags.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open_tags.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open_tags):
            self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page_of(lake: Lake, folder: Path) -> Page:
    return Page(write_report(lake, folder / "report.html", NOW).read_text(encoding="utf-8"))


def test_the_page_shows_every_section(sample: Lake, tmp_path: Path) -> None:
    page = page_of(sample, tmp_path)
    assert page.open_tags == []
    promised: tuple[str, ...] = (
        "252.30",
        "P/E Ratio Alert",
        "a share costs 42.0 times",
        "missing_count(value) = 0",
    )
    promised += (
        "2 of 78",
        "2026-01-05",
        "not_positive_price",
        "quota_exhausted",
        "1 missing, 1 late, 1 healed",
        "not finished",
        sample_lake.RUN,
    )
    assert [words for words in promised if words not in page.text] == []


def test_the_page_loads_nothing(sample: Lake, tmp_path: Path) -> None:
    html = write_report(sample, tmp_path / "report.html", NOW).read_text()
    assert not re.search(r"https?://|url\(|@import|<link|<img|<iframe|\bsrc=", html)
    assert "default-src 'none'" in html


def test_tables_have_captions_and_charts_have_titles(sample: Lake, tmp_path: Path) -> None:
    page = page_of(sample, tmp_path)
    assert len(page.named("caption")) == len(page.named("table")) > 5
    charts = [svg for svg in page.named("svg") if svg.get("role") == "img"]
    assert len(charts) == len(page.named("desc")) == 3
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for chart in charts:
        assert set(str(chart["aria-labelledby"]).split()) <= set(ids)


def test_simulated_values_are_marked(sample: Lake, tmp_path: Path) -> None:
    html = write_report(sample, tmp_path / "report.html", NOW).read_text()
    rows = re.findall(r"<tr>.*?</tr>", html, re.DOTALL)
    five_minutes = next(row for row in rows if "<td>5min</td>" in row and "2 of 78" in row)
    daily = next(row for row in rows if "AAPL" in row and "<td>1day</td>" in row)
    assert "simulated" in five_minutes
    assert "simulated" not in daily


def test_a_hostile_value_injects_nothing(lake: Lake, tmp_path: Path) -> None:
    create_tables(lake)
    for day in sample_lake.DAYS:
        sample_lake.add(lake, DAILY_KPIS, sample_lake.kpi(HOSTILE, day, "1day", "5"))
        sample_lake.add(lake, STOCK_OVERVIEW, sample_lake.overview(HOSTILE, day, "5"))
        row = sample_lake.signal(HOSTILE, day, HOSTILE, is_triggered=True, reason=HOSTILE)
        sample_lake.add(lake, SIGNALS, row)
    page = page_of(lake, tmp_path)
    assert len(page.named("script")) == 1
    assert page.named("img") == []
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert HOSTILE in page.text


def test_the_page_of_an_empty_lake_says_so(absent: Lake, lake: Lake, tmp_path: Path) -> None:
    assert "There is nothing to show yet" in page_of(absent, tmp_path).text
    create_tables(lake)
    text = page_of(lake, tmp_path).text
    assert "No signals have been computed yet" in text
    assert "No run has been recorded yet" in text


@pytest.mark.system
def test_a_lake_of_524_symbols_stays_small(lake: Lake, tmp_path: Path) -> None:
    create_tables(lake)
    days = [date(2025, 1, 1) + timedelta(days=step) for step in range(60)]
    symbols = [f"S{number}" for number in range(524)]
    rows = [sample_lake.kpi(symbol, day, "1day", "12.34") for symbol in symbols for day in days]
    sample_lake.add(lake, DAILY_KPIS, *rows)
    name = "P/E Ratio Alert"
    rows = [sample_lake.signal(symbol, days[-1], name, is_triggered=True) for symbol in symbols]
    sample_lake.add(lake, SIGNALS, *rows)
    path = write_report(lake, tmp_path / "report.html", NOW)
    assert path.stat().st_size < 1_500_000
    assert len(report_data(lake, NOW).charts) == 12


def test_symbols_with_intraday_bars_come_first(sample: Lake) -> None:
    charts = report_data(sample, NOW).charts
    assert [each.symbol for each in charts] == ["AAPL", "MSFT"], "EURUSD has one session: no line"
    assert charts[0].is_intraday_simulated
    assert not charts[0].is_simulated


def test_an_unwritable_path_is_reported(sample: Lake, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LakeError, match="cannot be written"):
        write_report(sample, tmp_path / "file" / "report.html", NOW)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"], "no draft is left behind"


def points(*closes: float, volume: float | None = 10.0) -> list[ChartPoint]:
    return [ChartPoint(f"d{index}", "", close, None, volume) for index, close in enumerate(closes)]


def test_a_chart_rises_with_the_price() -> None:
    chart = price_chart("x", points(1.0, 2.0))
    assert chart is not None
    left, right = re.findall(r"[ML][\d.]+ ([\d.]+)", chart.close_path)
    assert float(right) < float(left), "SVG counts downwards"


def test_one_price_is_not_a_line_but_a_constant_price_is() -> None:
    assert price_chart("x", points(1.0)) is None
    assert price_chart("x", points(5.0, 5.0, 5.0)) is not None
    assert price_chart("x", points(0.0, 0.0)) is not None


def test_a_market_without_volume_has_no_bars() -> None:
    chart = price_chart("x", points(1.0, 2.0, volume=None))
    assert chart is not None
    assert chart.volume_path == ""


def test_a_missing_average_breaks_its_line() -> None:
    given = [
        ChartPoint(str(at), "", 1.0 + at, average, None) for at, average in enumerate((1.0, None, 2.0, 3.0))
    ]
    chart = price_chart("x", given)
    assert chart is not None
    assert (chart.average_path.count("M"), chart.average_path.count("L")) == (2, 1)


def test_tick_labels_do_not_touch() -> None:
    given = [ChartPoint(str(at), "January", 1.0 + at, None, None) for at in range(40)]
    chart = price_chart("x", given)
    assert chart is not None
    gaps = [right.at - left.at for left, right in zip(chart.x_ticks, chart.x_ticks[1:], strict=False)]
    assert len(chart.x_ticks) > 2
    assert min(gaps) > 45


def test_ticks_are_round_and_inside() -> None:
    assert nice_ticks(158.3, 281.0) == [175.0, 200.0, 225.0, 250.0, 275.0]
    assert nice_ticks(0.00011, 0.00019) == [0.00012, 0.00014, 0.00016, 0.00018]


def test_quantities_are_short() -> None:
    assert [short_number(value) for value in (12_345_678.0, 940_000.0, 7.0)] == ["12.3M", "940k", "7"]
