"""What has been published by an instant: no data are served before their time."""

from bisect import bisect_right
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, partial
from typing import Final

from flows.simulator.market.companies import Company, load_companies
from flows.simulator.market.fx_rates import FxBar, fx_bars, is_known_pair
from flows.simulator.market.intraday_bars import session_bars
from flows.simulator.market.real_prices import DailyBar, load_histories
from flows.simulator.market.series_point import SeriesPoint
from flows.simulator.market.sessions import as_instant, local_opening, session_close

_FX_DAY_ENDS_HOUR = 17  # 17:00 New York
_CACHED_SESSIONS = 512


class Market:
    """The year of the real histories, and the data generated from it with a seed."""

    def __init__(self, seed: int) -> None:
        self.seed: Final = seed
        self._histories = load_histories()
        self._companies = load_companies()
        self._first_day = min(bars[0].trade_dt for bars in self._histories.values())
        self._last_day = max(bars[-1].trade_dt for bars in self._histories.values())
        self._session_bars = lru_cache(_CACHED_SESSIONS)(partial(session_bars, seed))
        self._all_daily = lru_cache(maxsize=None)(self._daily_points)

    def history(self, symbol: str) -> tuple[DailyBar, ...]:
        """The symbol's whole history, oldest first, published or not; empty for an unknown symbol."""
        return self._histories.get(symbol, ())

    def company(self, symbol: str) -> Company | None:
        """The symbol's company, or None if the package has none."""
        return self._companies.get(symbol)

    def companies(self) -> Mapping[str, Company | None]:
        """The company of each symbol with prices, or None if the package has none."""
        return {symbol: self.company(symbol) for symbol in self._histories}

    def visible_minute(self, now: datetime) -> datetime:
        """`now` cut to the minute, and never later than the last publication: a key for caches.

        The same data are public at both instants.
        """
        last = _fx_close(self._last_day)
        return min(now, last).replace(second=0, microsecond=0)

    def daily_bars(self, symbol: str, now: datetime) -> tuple[DailyBar, ...]:
        """The daily bars published by `now`, oldest first; a bar is public when its session has ended."""
        bars = self.history(symbol)
        return bars[: bisect_right(bars, now, key=lambda bar: session_close(bar.trade_dt))]

    def daily_points(self, symbol: str, now: datetime) -> tuple[SeriesPoint, ...]:
        """The daily bars published by `now`, newest first."""
        hidden = len(self.history(symbol)) - len(self.daily_bars(symbol, now))
        return self._all_daily(symbol)[hidden:]

    def sessions(self, symbol: str, now: datetime) -> tuple[date, ...]:
        """The dates of the symbol's sessions that had opened by `now`, oldest first."""
        days = (bar.trade_dt for bar in self.history(symbol))
        return tuple(day for day in days if as_instant(local_opening(day)) <= now)

    def intraday_points(
        self, symbol: str, minutes: int, days: Collection[date], now: datetime
    ) -> tuple[SeriesPoint, ...]:
        """The intraday bars of these days that had ended by `now`, newest first.

        Keys are the starts of the bars as naive New York time, like Alpha Vantage's.
        """
        sessions = (bar for bar in reversed(self.history(symbol)) if bar.trade_dt in days)
        return tuple(
            SeriesPoint(bar.start.isoformat(sep=" "), published_at, *bar[2:])
            for daily in sessions
            for bar in reversed(self._session_bars(symbol, daily, minutes))
            if (published_at := as_instant(bar.end)) <= now
        )

    def fx_points(self, base: str, quote: str, now: datetime) -> tuple[SeriesPoint, ...]:
        """The pair's daily bars that had ended (17:00 New York) by `now`, newest first; empty if unknown."""
        if not is_known_pair(base, quote):
            return ()
        bars = fx_bars(self.seed, base, quote, self._first_day, self._last_day)
        return tuple(
            SeriesPoint(bar.trade_dt.isoformat(), published_at, *bar[1:5], volume=None)
            for bar in reversed(bars)
            if (published_at := _fx_close(bar.trade_dt)) <= now
        )

    def fx_days(self, base: str, quote: str, now: datetime) -> tuple[FxBar, ...]:
        """The pair's daily bars that had begun (UTC) by `now`, newest first; empty if unknown."""
        if not is_known_pair(base, quote):
            return ()
        bars = fx_bars(self.seed, base, quote, self._first_day, self._last_day)
        return tuple(bar for bar in reversed(bars) if bar.trade_dt <= now.astimezone(UTC).date())

    def _daily_points(self, symbol: str) -> tuple[SeriesPoint, ...]:
        return tuple(
            SeriesPoint(bar.trade_dt.isoformat(), session_close(bar.trade_dt), *bar[1:])
            for bar in reversed(self.history(symbol))
        )


def _fx_close(day: date) -> datetime:
    return as_instant(datetime.combine(day, datetime.min.time()) + timedelta(hours=_FX_DAY_ENDS_HOUR))
