"""The files that Massive's store holds at an instant, with their ETags and dates."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from flows.simulator.faults import Fault, FaultKind
from flows.simulator.market.market import Market
from flows.simulator.market.random_seeds import stable_int
from flows.simulator.market.real_prices import load_histories
from flows.simulator.market.sessions import as_instant
from flows.simulator.massive.files import DATASETS, Drawing, flat_file

# Enough to show what there is, and few enough to be drawn at once.
TICKERS = ("AAPL", "AMZN", "BRK.B", "C", "GE", "IBM", "JPM", "KO", "MSFT", "PG", "WMT", "XOM")

_ROOT = "us_stocks_sip"
_PUBLISHED = time(11)  # New York, on the next day
_KEPT_FILES = 64
_KEPT_DRAWINGS = 8
_LAID_DOWN = datetime(2010, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class StoredFile:
    """One file as it is served."""

    key: str
    content: bytes = field(repr=False)
    modified_at: datetime
    is_simulated: bool

    @property
    def etag(self) -> str:
        """The MD5 of the bytes in quotes, as S3 gives it for a file uploaded in one part."""
        return f'"{hashlib.md5(self.content, usedforsecurity=False).hexdigest()}"'


class FileStore:
    """Massive's files over the sessions of the histories.

    `tickers` have trades, quotes and minute bars; a day's bars are of all symbols. What is in `overrides`
    is served under its key as it is, and called real.
    """

    def __init__(self, market: Market) -> None:
        self.tickers: tuple[str, ...] = TICKERS
        self.overrides: dict[str, bytes] = {}
        self._market = market
        self._symbols = tuple(sorted(load_histories()))
        self._days = frozenset(bar.trade_dt for bars in load_histories().values() for bar in bars)
        self._drawing = lru_cache(_KEPT_DRAWINGS)(self._draw)
        self._content = lru_cache(_KEPT_FILES)(self._write)

    def keys(self, prefix: str, now: datetime) -> list[str]:
        """The keys of what is published, sorted."""
        drawn = (
            key_of(dataset, day) for dataset in DATASETS for day in self._days if published_at(day) <= now
        )
        return sorted(key for key in {*drawn, *self.overrides} if key.startswith(prefix))

    def find(self, key: str, now: datetime, faults: tuple[Fault, ...]) -> StoredFile | None:
        """The file under this key; None where there is none, or none yet.

        Late bars make the file late. A correction republishes a day from `at` on with one trade changed:
        of the tickers in its `keys`, or of one that its seed chooses.
        """
        if key in self.overrides:
            return StoredFile(key, self.overrides[key], _LAID_DOWN, is_simulated=False)
        dataset, day = parse_key(key)
        if day not in self._days or day is None:
            return None
        if published_at(day) + _delay(faults) > now:
            return None
        corrections = [fault for fault in _corrections(faults) if fault.at is None or fault.at <= now]
        corrected = {symbol for fault in corrections for symbol in self._corrected(fault, day)}
        content = self._content(dataset, day, self.tickers, tuple(sorted(corrected)))
        modified = max([published_at(day), *(fault.at for fault in corrections if fault.at)])
        return StoredFile(key, content, modified, is_simulated=True)

    def _corrected(self, fault: Fault, day: date) -> tuple[str, ...]:
        if fault.keys:
            return fault.keys
        return (self.tickers[stable_int("republished", fault.seed, day.isoformat()) % len(self.tickers)],)

    def _write(self, dataset: str, day: date, tickers: tuple[str, ...], corrected: tuple[str, ...]) -> bytes:
        return flat_file(dataset, self._drawing(day, tickers, corrected))

    def _draw(self, day: date, tickers: tuple[str, ...], corrected: tuple[str, ...]) -> Drawing:
        return Drawing(self._market, day, self._symbols, tuple(sorted(tickers)), corrected)


def key_of(dataset: str, day: date) -> str:
    """The key of a day's file."""
    return f"{_ROOT}/{dataset}/{day:%Y/%m/%Y-%m-%d}.csv.gz"


def parse_key(key: str) -> tuple[str, date | None]:
    """The dataset and the day of a key; no day where it is none of ours."""
    dataset = key.split("/")[1] if key.count("/") else ""
    try:
        day = date.fromisoformat(key.rpartition("/")[2].removesuffix(".csv.gz"))
    except ValueError:
        return dataset, None
    return (dataset, day) if dataset in DATASETS and key == key_of(dataset, day) else (dataset, None)


def published_at(day: date) -> datetime:
    """When the day's files come out: 11:00 New York on the next day."""
    return as_instant(datetime.combine(day + timedelta(days=1), _PUBLISHED))


def _delay(faults: tuple[Fault, ...]) -> timedelta:
    late = (fault.seconds for fault in faults if fault.kind is FaultKind.LATE_BARS)
    return timedelta(seconds=max(late, default=0.0))


def _corrections(faults: tuple[Fault, ...]) -> Iterator[Fault]:
    return (fault for fault in faults if fault.kind is FaultKind.CORRECTIONS)
