"""From a query to a body, as Alpha Vantage would write it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flows.simulator.alphavantage import error_messages as messages
from flows.simulator.alphavantage.news import news, read_news_query
from flows.simulator.alphavantage.overview import overview
from flows.simulator.alphavantage.reference import STATES, dividends, listing, splits
from flows.simulator.alphavantage.rendering import Series, render_csv, render_json
from flows.simulator.alphavantage.time_series import COMPACT_POINTS, FEEDS, SIZES, Feed, Query, read_query
from flows.simulator.data_faults import correct, disarrange, drop_late
from flows.simulator.faults import Fault
from flows.simulator.market.continuous_bars import is_known_coin
from flows.simulator.market.market import Market
from flows.simulator.market.sessions import NEW_YORK

__all__ = ["CSV_TYPE", "JSON_TYPE", "Body", "Query", "answer", "read_query"]

JSON_TYPE = "application/json"
CSV_TYPE = "application/x-download"


@dataclass(frozen=True)
class Body:
    """The bytes of an answer; `is_simulated` when any value in it was drawn and not observed."""

    content: bytes
    content_type: str = JSON_TYPE
    is_simulated: bool = False


def answer(query: Query, market: Market, now: datetime, faults: Sequence[Fault] = ()) -> Body:
    """The body for a query at an instant; faults of transport are not applied here."""
    if query.function in _DOCUMENTS:
        return _DOCUMENTS[query.function](query, market, now)
    if query.function not in FEEDS:
        return Body(messages.render(messages.unknown_function(query.function)))
    feed = FEEDS[query.function](query, market, now)
    if feed is None or query.outputsize not in SIZES:
        return Body(messages.render(messages.invalid_call(query.function)))
    return _series_body(query, feed, now, faults)


def _series_body(query: Query, feed: Feed, now: datetime, faults: Sequence[Fault]) -> Body:
    arrived = drop_late(feed.points, faults, now)
    points = correct(arrived, faults, query.symbol, now)
    if query.outputsize == "compact" and feed.has_sizes:
        points = points[:COMPACT_POINTS]
    if not points:
        return Body(messages.render(messages.invalid_call(query.function)))
    is_simulated = feed.is_drawn or any(mine != real for mine, real in zip(points, arrived, strict=False))
    information = f"{feed.information} (SIMULATED)" if is_simulated else feed.information
    meta = (("Information", information), *feed.head(SIZES[query.outputsize], points[0]))
    series = Series(meta, feed.title, disarrange(points, faults, query.symbol))
    if query.datatype == "csv":
        return Body(render_csv(series), CSV_TYPE, is_simulated)
    return Body(render_json(series), JSON_TYPE, is_simulated)


def _overview_body(query: Query, market: Market, now: datetime) -> Body:
    """The fundamentals, or Alpha Vantage's `{}` for a symbol it does not know."""
    bars = market.daily_bars(query.symbol, now)
    if not bars:
        return Body(b"{}")
    company, first_close = market.company(query.symbol), market.history(query.symbol)[0].close
    fields = overview(market.seed, query.symbol, company, bars, first_close)
    return Body(json.dumps(fields, indent=4).encode(), is_simulated=True)


def _splits_body(query: Query, market: Market, _now: datetime) -> Body:
    """The splits; of a symbol that nobody knows an empty list, as the real one."""
    listed = splits(market.seed, query.symbol) if market.history(query.symbol) else []
    return _simulated({"symbol": query.symbol, "data": listed})


def _dividends_body(query: Query, market: Market, now: datetime) -> Body:
    today = now.astimezone(NEW_YORK).date()
    listed = dividends(market.seed, query.symbol, market.history(query.symbol), today)
    return _simulated({"symbol": query.symbol, "data": listed})


def _listing_body(query: Query, market: Market, _now: datetime) -> Body:
    state = query.other.get("state", "active")
    if state not in STATES:
        return Body(messages.render(messages.invalid_call(query.function)))
    return Body(listing(market.seed, market.companies(), state), CSV_TYPE, is_simulated=True)


def _news_body(query: Query, market: Market, now: datetime) -> Body:
    """Articles about one ticker, `AAPL` or `CRYPTO:BTC`; the real refusal for what it does not know."""
    kind, _, coin = query.symbol.rpartition(":")
    is_known = is_known_coin(coin, "USD") if kind == "CRYPTO" else bool(market.history(query.symbol))
    asked = read_news_query(query.symbol, query.other, now)
    if asked is None or not is_known:
        return Body(messages.render(messages.INVALID_INPUTS))
    return _simulated(news(market.seed, asked, ("AAPL", "IBM", "MSFT", "JPM")))


def _simulated(document: Mapping[str, object]) -> Body:
    return Body(json.dumps(document, indent=4).encode(), is_simulated=True)


_DOCUMENTS: Mapping[str, Callable[[Query, Market, datetime], Body]] = {
    "OVERVIEW": _overview_body,
    "SPLITS": _splits_body,
    "DIVIDENDS": _dividends_body,
    "LISTING_STATUS": _listing_body,
    "NEWS_SENTIMENT": _news_body,
}
