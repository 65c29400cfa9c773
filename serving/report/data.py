"""The data of the report, read from the lake without an engine session."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from delta_tables.storage.create_tables import first_line
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.tables.gold import DAILY_KPIS, SIGNALS, STOCK_OVERVIEW
from delta_tables.tables.ops import GATE_RESULTS
from delta_tables.tables.silver import QUARANTINE
from serving.monitor.breaks import break_counts
from serving.monitor.completeness import SeriesCompleteness, completeness
from serving.monitor.status import Status, status
from serving.query.selected_rows import Records, select
from serving.report.symbol_charts import SymbolCharts, symbol_charts

MAX_SIGNALS = 60
MAX_INCOMPLETE = 40
_EXAMPLES_PER_RULE = 3
_WORST_FIRST = ("error", "fail", "not_evaluated", "warn", "pass")


@dataclass(frozen=True)
class GateSummary:
    """The last result of a dataset's quality gate: every check of the latest run."""

    dataset: str
    run_id: str
    row_count: int
    checks: Records

    @property
    def outcome(self) -> str:
        """The worst outcome of the checks."""
        outcomes = {check["outcome"] for check in self.checks}
        return next(outcome for outcome in _WORST_FIRST if outcome in {*outcomes, "pass"})

    @property
    def passed(self) -> int:
        """The number of checks that passed."""
        return sum(check["outcome"] == "pass" for check in self.checks)


@dataclass(frozen=True)
class Coverage:
    """The totals of an asset class and interval; `incomplete` has the most incomplete series, worst first."""

    asset_class: str
    interval: str
    symbols: int
    bars: int
    expected_bars: int
    missing_sessions: int
    incomplete_count: int
    incomplete: tuple[SeriesCompleteness, ...]
    is_simulated: bool


@dataclass(frozen=True)
class ReportData:
    """What the template shows; `problem` says why the lake has no data, and the rest is then empty."""

    now: datetime
    lake: str
    problem: str | None
    state: Status | None
    charts: Sequence[SymbolCharts]
    kpis: Records
    signal_counts: Records
    signals: Records
    gates: Sequence[GateSummary]
    coverage: Sequence[Coverage]
    quarantine_examples: Records
    breaks: Records

    @property
    def run_id(self) -> str | None:
        """The run of the latest stage."""
        return self.state.stages[0]["run_id"] if self.state and self.state.stages else None

    @property
    def has_simulated(self) -> bool:
        """Whether anything that the page marks is simulated."""
        marked = (*self.kpis, *self.signals, *self.signal_counts, *self.breaks, *self.quarantine_examples)
        return (
            any(row["is_simulated"] or row.get("is_pe_simulated") for row in marked)
            or any(each.is_simulated for each in self.coverage)
            or any(each.is_simulated or each.is_intraday_simulated for each in self.charts)
        )

    @property
    def failed_gates(self) -> Sequence[GateSummary]:
        """The gates whose last batch was refused or could not be evaluated."""
        return [gate for gate in self.gates if gate.outcome not in {"warn", "pass"}]


def report_data(lake: Lake, now: datetime) -> ReportData:
    """The report's data; for an empty or missing lake only `problem` is set.

    Raises:
        LakeError: a table exists but cannot be read.
    """
    try:
        state = status(lake)
    except LakeError as error:
        if not first_line(error).startswith("no lake"):
            raise
        return ReportData(now, lake.root, str(error), None, (), [], [], [], (), (), [], [])
    with ThreadPoolExecutor() as pool:  # the queries run in native code, so they run side by side
        coverage = pool.submit(lambda: list(_coverage(completeness(lake))))
        signal_counts = pool.submit(_signal_counts, lake)
        signals = pool.submit(_triggered, lake)
        gates = pool.submit(_gates, lake)
        quarantine_examples = pool.submit(_quarantine_examples, lake)
        breaks = pool.submit(break_counts, lake)
        charts = symbol_charts(lake)
        kpis = _latest_kpis(lake, [chart.symbol for chart in charts])
        return ReportData(
            now=now,
            lake=lake.root,
            problem=None,
            state=state,
            charts=charts,
            kpis=kpis,
            signal_counts=signal_counts.result(),
            signals=signals.result(),
            gates=gates.result(),
            coverage=coverage.result(),
            quarantine_examples=quarantine_examples.result(),
            breaks=breaks.result(),
        )


def _latest_kpis(lake: Lake, first: Sequence[str]) -> Records:
    """The latest session of each symbol and interval with the overview's figures; charted symbols first.

    `is_simulated` is of the prices; `is_pe_simulated` of the P/E, whose earnings can be simulated as well.
    Where several providers have the session, the one that the overview uses, otherwise the first by name.
    """
    kpis = select(
        lake,
        DAILY_KPIS,
        'SELECT * FROM (SELECT *, rank() OVER (PARTITION BY symbol, "interval" ORDER BY trade_dt DESC) '
        'AS choice FROM stored) WHERE choice = 1 ORDER BY symbol, "interval", provider',
    )
    figures = select(
        lake,
        STOCK_OVERVIEW,
        'SELECT symbol, trade_dt, "interval", provider, "7d_avg" AS average_7d, volatility_score, '
        "volume_spike_pct, pe_ratio, is_simulated AND pe_ratio IS NOT NULL AS is_pe_simulated FROM "
        "(SELECT *, row_number() OVER (PARTITION BY symbol ORDER BY trade_dt DESC) AS choice FROM stored) "
        "WHERE choice = 1",
    )
    key = itemgetter("symbol", "trade_dt", "interval", "provider")
    by_key = {key(row): row for row in figures}
    rank = {symbol: index for index, symbol in enumerate(first)}
    chosen: dict[tuple[str, str], dict[str, Any]] = {}
    for row in sorted(kpis, key=lambda row: key(row) not in by_key):
        chosen.setdefault((row["symbol"], row["interval"]), {**by_key.get(key(row), {}), **row})
    rows = sorted(chosen.values(), key=itemgetter("symbol", "interval"))
    return sorted(rows, key=lambda row: (rank.get(row["symbol"], len(rank)), row["symbol"]))


def _signal_counts(lake: Lake) -> Records:
    return select(
        lake,
        SIGNALS,
        "SELECT signal, count(*) AS evaluated, sum(CASE WHEN is_triggered THEN 1 ELSE 0 END) AS triggered, "
        "sum(CASE WHEN is_triggered AND trade_dt = latest THEN 1 ELSE 0 END) AS triggered_latest, "
        "coalesce(bool_or(is_simulated) FILTER (WHERE is_triggered), false) AS is_simulated, "
        "coalesce(bool_or(is_simulated) FILTER (WHERE is_triggered AND trade_dt = latest), false) "
        "AS is_latest_simulated, max(latest) AS latest FROM "
        "(SELECT *, max(trade_dt) OVER () AS latest FROM stored) GROUP BY signal ORDER BY signal",
    )


def _triggered(lake: Lake) -> Records:
    return select(
        lake,
        SIGNALS,
        "SELECT symbol, trade_dt, signal, value, threshold, reason, is_simulated FROM stored "  # noqa: S608 - a number
        f"WHERE is_triggered ORDER BY trade_dt DESC, value / threshold DESC, symbol LIMIT {MAX_SIGNALS}",
    )


def _gates(lake: Lake) -> list[GateSummary]:
    rows = select(
        lake,
        GATE_RESULTS,
        'SELECT dataset, run_id, "check", outcome, value, row_count, at FROM '
        "(SELECT *, max(at) OVER (PARTITION BY dataset) AS latest FROM stored) WHERE at = latest",
    )
    rows.sort(key=lambda row: (row["dataset"], _WORST_FIRST.index(row["outcome"])))
    gates = []
    for dataset, group in groupby(rows, key=itemgetter("dataset")):
        checks = list(group)
        gates.append(GateSummary(dataset, checks[0]["run_id"], checks[0]["row_count"], checks))
    return sorted(gates, key=lambda gate: (_WORST_FIRST.index(gate.outcome), gate.checks[0]["at"]))


def _coverage(series: Sequence[SeriesCompleteness]) -> list[Coverage]:
    groups = groupby(series, key=lambda entry: (entry.asset_class, entry.interval))
    return [_coverage_of(asset_class, interval, list(group)) for (asset_class, interval), group in groups]


def _coverage_of(asset_class: str, interval: str, series: Sequence[SeriesCompleteness]) -> Coverage:
    incomplete = [entry for entry in series if not entry.is_complete]
    incomplete.sort(key=lambda entry: (-len(entry.missing), entry.bars - entry.expected_bars, entry.symbol))
    return Coverage(
        asset_class=asset_class,
        interval=interval,
        symbols=len(series),
        bars=sum(entry.bars for entry in series),
        expected_bars=sum(entry.expected_bars for entry in series),
        missing_sessions=sum(len(entry.missing) for entry in series),
        incomplete_count=len(incomplete),
        incomplete=tuple(incomplete[:MAX_INCOMPLETE]),
        is_simulated=any(entry.is_simulated for entry in series),
    )


def _quarantine_examples(lake: Lake) -> Records:
    return select(
        lake,
        QUARANTINE,
        "SELECT * FROM (SELECT *, row_number() OVER "  # noqa: S608 - a number
        "(PARTITION BY reason ORDER BY symbol, position, raw_values) AS choice FROM "
        "(SELECT unnest(reasons) AS reason, symbol, position, raw_values, is_simulated FROM stored)) "
        f"WHERE choice <= {_EXAMPLES_PER_RULE} ORDER BY reason, choice",
    )
