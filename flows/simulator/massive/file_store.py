"""The files in Massive's store at an instant, with their ETags and modification times."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from flows.simulator.faults import Fault, FaultKind, faults_of_kind
from flows.simulator.market.market import Market
from flows.simulator.market.random_seeds import stable_int
from flows.simulator.market.real_prices import load_histories
from flows.simulator.market.sessions import as_instant
from flows.simulator.massive.files import DATASETS, GeneratedDay, flat_file

# Enough tickers to be realistic, few enough to be generated quickly.
TICKERS = ("AAPL", "AMZN", "BRK.B", "C", "GE", "IBM", "JPM", "KO", "MSFT", "PG", "WMT", "XOM")

_ROOT = "us_stocks_sip"
_PUBLICATION_TIME = time(11)  # New York, on the next day
_CACHED_FILES = 64
_CACHED_DAYS = 8
_OVERRIDE_MODIFIED_AT = datetime(2010, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class StoredFile:
    """One file as it is served."""

    key: str
    content: bytes = field(repr=False)
    modified_at: datetime
    is_simulated: bool

    @property
    def etag(self) -> str:
        """The MD5 of the bytes in quotes, as S3 computes it for a file uploaded in one part."""
        return f'"{hashlib.md5(self.content, usedforsecurity=False).hexdigest()}"'


class FileStore:
    """Massive's files for the sessions of the histories.

    `tickers` have trades, quotes and minute bars; day bars cover all symbols. The contents in `overrides` are
    served unchanged under their keys, without a mark that they are simulated.
    """

    def __init__(self, market: Market) -> None:
        self.tickers: tuple[str, ...] = TICKERS
        self.overrides: dict[str, bytes] = {}
        self._market = market
        self._symbols = tuple(sorted(load_histories()))
        self._days = frozenset(bar.trade_dt for bars in load_histories().values() for bar in bars)
        self._cached_day = lru_cache(_CACHED_DAYS)(self._day)
        self._cached_content = lru_cache(_CACHED_FILES)(self._content)

    def keys(self, prefix: str, now: datetime) -> list[str]:
        """The keys of the published files with this prefix, sorted."""
        generated = (
            object_key(dataset, day) for dataset in DATASETS for day in self._days if published_at(day) <= now
        )
        return sorted(key for key in {*generated, *self.overrides} if key.startswith(prefix))

    def find(self, key: str, now: datetime, faults: tuple[Fault, ...]) -> StoredFile | None:
        """The file under this key, or None if it does not exist or is not published yet.

        Late bars delay the file. A correction republishes a day from `at` on with one trade changed: of the
        tickers in its `keys`, or of one that its seed selects.
        """
        if key in self.overrides:
            return StoredFile(key, self.overrides[key], _OVERRIDE_MODIFIED_AT, is_simulated=False)
        dataset, day = parse_key(key)
        if day is None or day not in self._days or published_at(day) + _delay(faults) > now:
            return None
        corrections = faults_of_kind(FaultKind.CORRECTIONS, faults)
        known = [fault for fault in corrections if fault.at is None or fault.at <= now]
        corrected = {symbol for fault in known for symbol in self._corrected_tickers(fault, day)}
        content = self._cached_content(dataset, day, self.tickers, tuple(sorted(corrected)))
        modified_at = max([published_at(day), *(fault.at for fault in known if fault.at)])
        return StoredFile(key, content, modified_at, is_simulated=True)

    def _corrected_tickers(self, fault: Fault, day: date) -> tuple[str, ...]:
        if fault.keys:
            return fault.keys
        return (self.tickers[stable_int("republished", fault.seed, day.isoformat()) % len(self.tickers)],)

    def _content(
        self, dataset: str, day: date, tickers: tuple[str, ...], corrected: tuple[str, ...]
    ) -> bytes:
        return flat_file(dataset, self._cached_day(day, tickers, corrected))

    def _day(self, day: date, tickers: tuple[str, ...], corrected: tuple[str, ...]) -> GeneratedDay:
        return GeneratedDay(self._market, day, self._symbols, tuple(sorted(tickers)), corrected)


def object_key(dataset: str, day: date) -> str:
    """The key of a day's file."""
    return f"{_ROOT}/{dataset}/{day:%Y/%m/%Y-%m-%d}.csv.gz"


def parse_key(key: str) -> tuple[str, date | None]:
    """The dataset and the day of a key; the day is None if the key does not belong to the store."""
    dataset = key.split("/")[1] if key.count("/") else ""
    try:
        day = date.fromisoformat(key.rpartition("/")[2].removesuffix(".csv.gz"))
    except ValueError:
        return dataset, None
    return (dataset, day) if dataset in DATASETS and key == object_key(dataset, day) else (dataset, None)


def published_at(day: date) -> datetime:
    """The instant at which the day's files are published: 11:00 New York on the next day."""
    return as_instant(datetime.combine(day + timedelta(days=1), _PUBLICATION_TIME))


def _delay(faults: tuple[Fault, ...]) -> timedelta:
    seconds = (fault.seconds for fault in faults_of_kind(FaultKind.LATE_BARS, faults))
    return timedelta(seconds=max(seconds, default=0.0))
