"""Explanations: from a number to the bytes."""

import pytest

from config.settings import SignalSettings
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.bronze import RAW_PAYLOADS
from delta_tables.tables.silver import BARS
from serving.errors import ServingError
from serving.explain import explain as explanations
from serving.explain import gold_lineage as gold_sources
from serving.explain.explain import EXPLAINED, explain
from serving.explain.payload_excerpts import excerpt
from serving.query.selected_rows import Records, select
from tests.builders import sample_lake
from tests.builders.sample_lake import CSV_BODY, DAILY_BODY, OVERVIEW_BODY, sha


def test_a_daily_kpi_is_traced_to_its_line_in_the_payload(sample: Lake) -> None:
    found = explain(sample, "gold.daily_kpis", ["AAPL", "2026-01-06", "1day"])
    own, before = found.evidence
    assert [str(row["close"]) for row in own.rows] == ["252.300000000000"]
    assert before.session_range == "2026-01-05 to 2026-01-05"
    (source,) = found.sources
    assert (source.payload_id, source.status, source.row_count) == (sha(DAILY_BODY), 200, 2)
    assert source.fetched_at == sample_lake.CORRECTED, "the delivery that the corrected row was learned from"
    assert (source.deliveries, source.is_intact) == (2, True)
    (piece,) = source.excerpts
    assert piece.position == "/Time Series (Daily)/2026-01-06"
    assert piece.text is not None
    assert piece.text.encode() in DAILY_BODY
    assert piece.text.startswith('"2026-01-06": {')
    assert '"4. close": "252.30"' in piece.text


def test_a_body_is_read_once_however_often_it_was_delivered(
    sample: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies: list[bytes] = []

    def watched(lake: Lake, table: Table, sql: str) -> Records:
        found = select(lake, table, sql)
        bodies.extend(row["body"] for row in found if "body" in row)
        return found

    monkeypatch.setattr(explanations, "select", watched)
    (source,) = explain(sample, "gold.daily_kpis", ["AAPL", "2026-01-06", "1day"]).sources
    assert (source.deliveries, bodies) == (2, [DAILY_BODY])


def test_an_intraday_kpi_uses_regular_bars_only(sample: Lake) -> None:
    found = explain(sample, "gold.daily_kpis", ["symbol=AAPL", "trade_dt=2026-01-06", "interval=5min"])
    assert {row["session"] for row in found.evidence[0].rows} == {"regular"}
    (source,) = found.sources
    assert source.is_simulated
    assert [(piece.position, piece.text) for piece in source.excerpts] == [
        ("line 3", "2026-01-06 09:30:00,250.0,251.5,249.5,251.0,600"),
        ("line 2", "2026-01-06 09:35:00,251.0,252.0,250.5,251.5,500"),
    ]


def test_an_overview_names_and_counts_its_windows(sample: Lake) -> None:
    settings = SignalSettings(volatility_window_sessions=3, volume_spike_window_sessions=2)
    found = explain(sample, "gold.stock_overview", ["AAPL", "2026-01-06"], settings)
    assert [(part.role, len(part.rows)) for part in found.evidence] == [
        ("bars of the session", 1),
        ("price_change: the previous session", 1),
        ("7d_avg: the 6 sessions before", 2),
        ("volatility_score: the 3 sessions before", 2),
        ("volume_spike_pct: full sessions among the 2 before", 2),
        ("pe_ratio: the fundamentals known at the session's end", 1),
    ]
    assert {source.payload_id for source in found.sources} == {sha(DAILY_BODY), sha(OVERVIEW_BODY)}


def test_a_session_without_a_bar_does_not_widen_a_window(sample: Lake) -> None:
    settings = SignalSettings(volume_spike_window_sessions=2)
    found = explain(sample, "gold.signals", ["MSFT", "2026-01-06", "Volume Spike % Alert"], settings)
    assert [row["trade_dt"].isoformat() for row in found.evidence[1].rows] == ["2026-01-02"]


def test_a_pe_signal_shows_the_fundamentals_it_used(sample: Lake) -> None:
    found = explain(sample, "gold.signals", ["AAPL", "2026-01-06", "P/E Ratio Alert"])
    texts = [piece.text for source in found.sources for piece in source.excerpts]
    assert OVERVIEW_BODY.decode() in texts


def test_fundamentals_not_yet_known_are_not_shown(sample: Lake) -> None:
    found = explain(sample, "gold.signals", ["AAPL", "2026-01-05", "P/E Ratio Alert"])
    assert found.evidence[1].rows == ()


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("silver.bars", ["symbol=AAPL", "interval=1day", "trade_dt=2026-01-06"]),
        ("silver.bars", ["alphavantage", "AAPL", "5min", "2026-01-06T14:30:00Z"]),
        ("silver.fundamentals", ["symbol=AAPL"]),
        ("silver.quarantine", ["symbol=MSFT"]),
    ],
)
def test_a_silver_row_is_traced_to_its_payload(sample: Lake, table: str, key: list[str]) -> None:
    found = explain(sample, table, key)
    assert [source.is_intact for source in found.sources] == [True]
    assert found.row.get("known_to") is None


def test_a_superseded_row_is_found_by_known_from(sample: Lake) -> None:
    key = ["symbol=AAPL", "interval=1day", "trade_dt=2026-01-06", "known_from=2026-01-06T22:00:00Z"]
    assert str(explain(sample, "silver.bars", key).row["close"]) == "252.000000000000"


@pytest.mark.parametrize(
    ("table", "key", "words"),
    [
        (
            "gold.daily_kpis",
            ["AAPL", "2026-01-06"],
            "2 rows match .* add interval .1day, 5min.; example: symbol=",
        ),
        ("gold.signals", ["AAPL", "2026-01-06"], "add signal .*example: .*'signal=Volume Spike % Alert'"),
        (
            "gold.signals",
            ["NOPE", "2026-01-06"],
            "has no row with symbol=NOPE .*key columns: symbol, trade_dt, signal",
        ),
        ("gold.signals", ["A'; drop table x", "2026-01-06"], "has no row"),
        ("gold.signals", ["AAPL", "6 January"], "trade_dt must be a date, not '6 January'"),
        ("gold.signals", ["ticker=AAPL"], "has no column ticker"),
        ("gold.signals", ["a", "2026-01-06", "c", "d"], "more values than key columns"),
        ("gold.signals", [], "name a row of gold.signals"),
        ("silver.bars", ["alphavantage", "AAPL", "1day", "2026-01-06"], "time zone"),
        ("ops.runs", ["x"], "ops.runs cannot be explained; choose one of gold.daily_kpis"),
    ],
)
def test_a_wrong_key_raises_an_error_that_names_the_key(
    sample: Lake, table: str, key: list[str], words: str
) -> None:
    with pytest.raises(ServingError, match=words):
        explain(sample, table, key)


def test_a_lost_or_changed_payload_is_reported(lake: Lake) -> None:
    create_tables(lake)
    sample_lake.add(lake, BARS, sample_lake.bar("AAPL", sample_lake.DAYS[0], "1day", "1"))
    key = ["symbol=AAPL"]
    assert explain(lake, "silver.bars", key).lost == (sha(DAILY_BODY),)
    changed = sample_lake.payload(DAILY_BODY, "daily", "AAPL", "1day") | {"body": CSV_BODY}
    sample_lake.add(lake, RAW_PAYLOADS, changed)
    (source,) = explain(lake, "silver.bars", key).sources
    assert not source.is_intact
    assert source.excerpts[0].text is None


@pytest.mark.parametrize(
    ("body", "position", "text"),
    [
        (b'{"s": {"k": 1.50, "l": 2}}', "/s/k", '"k": 1.50'),
        (b'{"a": "s/k", "k": 9, "s": {"j": 0,\n "k" : [1, 2]}}', "/s/k", '"k" : [1, 2]'),
        (b'{"s": {"k": 1, "k": 2}}', "/s/k", '"k": 2'),
        (b'{"s": {"k": 1}}', "/s/other", None),
        (b'{"s": [1]}', "/s/k", None),
        (b'{"s": {"k": 1', "/s/k", None),
        (b"a,b\r\n1,2\r\n", "line 2", "1,2"),
        (b"a,b", "line 9", None),
        (b"anything \xff", "/", "anything \ufffd"),
        (b'{"Time Series (Daily)": {}}', "/Time Series (Daily)/", '{"Time Series (Daily)": {}}'),
    ],
)
def test_an_excerpt_is_the_exact_fragment(body: bytes, position: str, text: str | None) -> None:
    assert excerpt(body, position) == text


def test_all_evidence_is_explained() -> None:
    assert set(gold_sources.GOLD_EVIDENCE) <= set(EXPLAINED)
