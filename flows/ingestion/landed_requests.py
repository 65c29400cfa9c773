"""What a range of history need not ask again, so that a killed backfill goes on where it stopped."""

from dataclasses import replace
from datetime import UTC, datetime

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.lake import Lake
from delta_tables.tables.bronze import DEAD_LETTERS, RAW_PAYLOADS
from flows.handlers.models import Query
from flows.ingestion.last_fetched import FINAL_REFUSALS
from flows.ingestion.registry import source_named
from flows.ingestion.source import Ask, Landed


def not_landed_yet(lake: Lake, ask: Ask, wanted: list[Query], now: datetime) -> list[Query]:
    """The queries of `ask` without those that an answer in Bronze makes needless.

    The provider's source says which those are. Without a range everything is asked.
    """
    if ask.end is None:
        return wanted
    by_symbol: dict[str, list[Landed]] = {}
    for each in _answers(lake, ask):
        by_symbol.setdefault(_filed_under(each.symbol), []).append(each)
    is_answered = source_named(ask.provider).is_answered

    def is_wanted(query: Query) -> bool:
        landed = by_symbol.get(_filed_under(query.symbol), ())
        return not is_answered(replace(query, end=query.end or ask.end), landed, now)

    return [query for query in wanted if is_wanted(query)]


def _answers(lake: Lake, ask: Ask) -> list[Landed]:
    """The answers that count; since `not_before` a final refusal is one, too, so that it has its pause."""
    names = ["symbol", "interval", "request", "fetched_at"]
    where = f"provider = '{ask.provider}' AND dataset = '{ask.dataset}'"
    if ask.not_before is not None:
        where += f" AND fetched_at >= timestamp '{ask.not_before.astimezone(UTC).isoformat()}'"
    rows = read_rows(lake, RAW_PAYLOADS, names, where).to_pylist()
    if ask.not_before is not None:
        rows += read_rows(lake, DEAD_LETTERS, names, f"{where} AND {FINAL_REFUSALS}").to_pylist()
    return [Landed(**row) for row in rows]


def _filed_under(symbol: str) -> str:
    """What answers of a symbol are looked up by: a coin asked for with its id has the symbol alone."""
    return symbol.partition("=")[0]
