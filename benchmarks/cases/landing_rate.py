"""Ten thousand answers, received and not looked at yet, to bronze.raw_payloads; no engine, no network."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from benchmarks.case import EMBEDDED, LAKEHOUSE, NO_ENGINE, Case, Contestant
from benchmarks.cases.tick import answer_body, draw_day
from benchmarks.lakes import FETCHED, keep_payloads, kept_payloads, payload, rows_of, workspace
from benchmarks.peers import landing_rate
from benchmarks.peers.landing_rate import ANSWER, ANSWERS
from delta_tables.tables.bronze import RAW_PAYLOADS
from flows.handlers.models import Query, RawPayload
from flows.handlers.stop_signal import StopSignal
from flows.ingestion.fetch_payloads import fetch_and_land
from flows.ingestion.registry import source_named
from flows.simulator.market.real_prices import load_histories
from jobs.market_calendar.sessions import sessions_between

_SYMBOLS = 500
_SESSIONS = sessions_between("XNYS", date(2010, 7, 26), date(2010, 8, 20))


@dataclass(frozen=True)
class _Received:
    """A handler whose answers are there at once."""

    records: Mapping[Query, RawPayload]
    stop: StopSignal = field(default_factory=StopSignal)

    def fetch(self, query: Query) -> Iterator[RawPayload]:
        """The answer to the query."""
        yield self.records[query]

    def close(self) -> None:
        """Has nothing to give back."""


def prepare(inputs: Path, scale: float) -> int:
    """One answer a symbol and session, of that session's five-minute bars."""
    names = sorted(load_histories())[: max(25, round(_SYMBOLS * scale))]
    generator = np.random.default_rng(2010)
    rows = []
    for session in _SESSIONS:
        groups = draw_day(session, names, generator).partition_by("symbol", as_dict=True).items()
        bodies = {str(name): answer_body(str(name), some) for (name,), some in groups}
        rows += [payload("intraday", name, "5min", body, FETCHED) for name, body in bodies.items()]
    keep_payloads(inputs / ANSWERS, rows)
    return len(rows)


def run(inputs: Path, folder: Path) -> Generator[None]:
    """As the flow `ingest` lands a dataset: threads ask, commits of 200 answers, the ledger of the run."""
    ctx = workspace(folder, EMBEDDED)
    names = [each.name for each in fields(RawPayload)]
    kept = kept_payloads(inputs / ANSWERS)
    records = {
        Query("intraday", each["symbol"], "5min", str(number)): RawPayload(
            **{name: each[name] for name in names}
        )
        for number, each in enumerate(kept)
    }
    del kept
    threads = source_named("alphavantage").threads(ctx.settings)
    yield
    fetch_and_land(ctx, "alphavantage", _Received(records), threads, list(records))
    yield


def answer(folder: Path) -> Mapping[str, pa.Table]:
    """The payloads."""
    return {"raw_payloads": rows_of(folder, RAW_PAYLOADS, ANSWER)}


def answer_of_delta(folder: Path) -> Mapping[str, pa.Table]:
    """The payloads that Polars wrote."""
    return {"raw_payloads": pl.read_delta(str(folder / "raw_payloads")).select(ANSWER).to_arrow()}


def answer_of_parquet(folder: Path) -> Mapping[str, pa.Table]:
    """The payloads that DuckDB wrote."""
    return {"raw_payloads": pl.read_parquet(folder / "raw_payloads/*.parquet").select(ANSWER).to_arrow()}


CASE = Case(
    name="landing_rate",
    title="Land ten thousand responses of 15 KB each in Bronze, from a handler that has them in memory",
    prepare=prepare,
    contestants=(
        Contestant(LAKEHOUSE, NO_ENGINE, run, answer),
        Contestant("polars", NO_ENGINE, landing_rate.by_polars, answer_of_delta),
        Contestant("duckdb", NO_ENGINE, landing_rate.by_duckdb, answer_of_parquet),
    ),
)
