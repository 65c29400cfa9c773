"""The order of queries when a quota is too small for all: pure, from what has been fetched before."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from flows.handlers.models import Query, RateLimit

RequestKey = tuple[str, str, str | None]  # dataset, symbol, interval

_MAX_WINDOW = timedelta(days=1)


def by_staleness(
    queries: Sequence[Query], last_fetched: Mapping[RequestKey, datetime], window_start: datetime
) -> list[Query]:
    """All the queries, those that have waited longest first.

    First those never fetched, in the given (watch-list) order; then those last fetched before the quota
    window, the oldest first; last those fetched within it, in the given order: left-over calls go to the top
    of the watch list.
    """

    def rank(query: Query) -> tuple[int, float]:
        fetched_at = _last_fetched(query, last_fetched)
        if fetched_at is None:
            return 0, 0.0
        return (1, fetched_at.timestamp()) if fetched_at < window_start else (2, 0.0)

    return sorted(queries, key=rank)


def _last_fetched(query: Query, last_fetched: Mapping[RequestKey, datetime]) -> datetime | None:
    """A coin with its id (`PEPE-USD=pepe`) lands without it; `EURUSD=X` is a symbol as it is."""
    exact = last_fetched.get((query.dataset, query.symbol, query.interval))
    return exact or last_fetched.get((query.dataset, query.symbol.partition("=")[0], query.interval))


def window_start(limits: Sequence[RateLimit], now: datetime) -> datetime:
    """Start of the current quota window: that of the longest limit, at most one day ago.

    A limit per month does not count as such: a day's data is due every day, as far as the quota goes.
    """
    longest = max((timedelta(seconds=limit.per_seconds) for limit in limits), default=timedelta())
    return now - min(longest, _MAX_WINDOW)


def group_by_dataset(ordered: Sequence[Query]) -> list[tuple[str, list[Query]]]:
    """The queries in the same order, in runs of one dataset; a dataset can have several runs."""
    return [(dataset, list(run)) for dataset, run in groupby(ordered, key=lambda query: query.dataset)]
