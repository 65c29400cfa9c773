"""What to ask a provider: the queries of a run, from the watch list or for a range of dates."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from config.settings import Settings
from flows.handlers.records import Query

STOCK_DATASETS = ("daily", "intraday", "overview")
FX_DATASETS = ("fx_daily",)
DATASETS = STOCK_DATASETS + FX_DATASETS


class PlanError(Exception):
    """A run asks for something that there is not: says what there is."""


@dataclass(frozen=True)
class Ask:
    """One dataset to fetch for some symbols (None: the watch list), a range or else the latest."""

    dataset: str
    symbols: tuple[str, ...] | None = None
    start: date | None = None
    end: date | None = None


def latest_asks(settings: Settings) -> tuple[Ask, ...]:
    """The asks of an ordinary run: each dataset of the watch list that the plan is entitled to."""
    is_free = settings.providers.alphavantage.plan == "free"
    return tuple(Ask(dataset) for dataset in DATASETS if not (is_free and dataset == "intraday"))


def range_asks(
    settings: Settings, start: date, end: date, datasets: Sequence[str], symbols: Sequence[str] | None
) -> tuple[Ask, ...]:
    """The asks of a backfill from `start` to `end`, both included.

    Raises:
        PlanError: the range is empty, or a dataset is unknown or has no history to ask for.
    """
    if start > end:
        raise PlanError(f"the range is empty: it begins on {start} and ends on {end}")
    known = ("daily", "intraday", "fx_daily")
    for dataset in datasets:
        if dataset not in known:
            raise PlanError(f"no history of {dataset!r}; there is {', '.join(known)}")
    is_free = settings.providers.alphavantage.plan == "free"
    if is_free and "intraday" in datasets:
        raise PlanError("the plan 'free' has no intraday data; set providers.alphavantage.plan = 'premium'")
    return tuple(Ask(dataset, tuple(symbols) if symbols else None, start, end) for dataset in datasets)


def queries(ask: Ask, settings: Settings) -> list[Query]:
    """The handler's queries for one ask, in watch-list order.

    Whole histories are asked for where the plan is entitled to them: a free key's `outputsize=full` is
    refused since May 2026, so it gets the newest 100 sessions only.
    """
    is_entitled = settings.providers.alphavantage.plan != "free"
    listed = settings.watch_list.fx if ask.dataset in FX_DATASETS else settings.watch_list.stocks
    symbols = dict.fromkeys(symbol.upper() for symbol in ask.symbols or listed)
    if ask.dataset != "intraday":
        return [
            Query(ask.dataset, symbol, is_full=is_entitled and ask.start is not None) for symbol in symbols
        ]
    months = _months(ask.start, ask.end) if ask.start and ask.end else [None]
    return [
        Query("intraday", symbol, interval, month, is_entitled)
        for symbol in symbols
        for interval in settings.intervals
        for month in months
    ]


def _months(start: date, end: date) -> list[str | None]:
    first, last = start.year * 12 + start.month - 1, end.year * 12 + end.month - 1
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(first, last + 1)]
