"""Whose turn it is, where a quota does not reach for all: pure, from what has been answered before."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from flows.handlers.models import Query, RateLimit

Asked = tuple[str, str, str | None]

_LONGEST_WINDOW = timedelta(days=1)


def in_order_of_need(
    queries: Sequence[Query], last_fetched: Mapping[Asked, datetime], window_start: datetime
) -> list[Query]:
    """The queries, those in greatest need first; none is left out.

    First those never answered, in the order given (the watch list's); then those last answered before the
    window, the longest ago first; last those answered within it, in the order given, so that calls that
    nobody waits for go to the first of the watch list. `last_fetched` is by dataset, symbol and interval.
    """

    def need(query: Query) -> tuple[int, float]:
        answered_at = _last(query, last_fetched)
        if answered_at is None:
            return 0, 0.0
        return (1, answered_at.timestamp()) if answered_at < window_start else (2, 0.0)

    return sorted(queries, key=need)


def _last(query: Query, last_fetched: Mapping[Asked, datetime]) -> datetime | None:
    """A coin asked for with its id (`PEPE-USD=pepe`) is filed without it; `EURUSD=X` is a symbol as it is."""
    exact = last_fetched.get((query.dataset, query.symbol, query.interval))
    return exact or last_fetched.get((query.dataset, query.symbol.partition("=")[0], query.interval))


def window_start(limits: Sequence[RateLimit], now: datetime) -> datetime:
    """Since when an answer counts as of this window: the longest window of the limits, a day at most.

    Not a month, where there is such a limit: a day's data is wanted every day, as far as the quota goes.
    """
    longest = max((timedelta(seconds=limit.per_seconds) for limit in limits), default=timedelta())
    return now - min(longest, _LONGEST_WINDOW)


def in_turns(ordered: Sequence[Query]) -> list[tuple[str, list[Query]]]:
    """The queries in the same order, in runs of one dataset each; one dataset can come twice."""
    return [(dataset, list(turn)) for dataset, turn in groupby(ordered, key=lambda query: query.dataset)]
