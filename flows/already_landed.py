"""What a range of history need not ask again, so that a killed backfill goes on where it stopped."""

from dataclasses import replace
from datetime import UTC, datetime

from delta_tables.arrow_io import read_rows
from delta_tables.bronze import RAW_PAYLOADS
from delta_tables.lake import Lake
from flows.handlers.records import Query
from flows.providers import source_named
from flows.sources.source import Ask, Landed


def not_landed_yet(lake: Lake, ask: Ask, wanted: list[Query], now: datetime) -> list[Query]:
    """The queries of `ask` without those that an answer in Bronze makes needless.

    The provider's source says which those are. Without a range everything is asked.
    """
    if ask.end is None:
        return wanted
    names = ["symbol", "interval", "request", "fetched_at"]
    where = f"provider = '{ask.provider}' AND dataset = '{ask.dataset}'"
    if ask.not_before is not None:
        where += f" AND fetched_at >= timestamp '{ask.not_before.astimezone(UTC).isoformat()}'"
    by_symbol: dict[str, list[Landed]] = {}
    for row in read_rows(lake, RAW_PAYLOADS, names, where).to_pylist():
        by_symbol.setdefault(row["symbol"], []).append(Landed(**row))
    is_answered = source_named(ask.provider).is_answered
    return [
        query
        for query in wanted
        if not is_answered(replace(query, end=query.end or ask.end), by_symbol.get(query.symbol, ()), now)
    ]
