"""The response body of each Alpha Vantage function, before plans and transport faults."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flows.simulator.alphavantage import error_messages as messages
from flows.simulator.alphavantage.news import news, read_news_query
from flows.simulator.alphavantage.overview import overview
from flows.simulator.alphavantage.reference import STATES, dividends, listing, splits
from flows.simulator.alphavantage.rendering import AlphaVantageSeries, render_csv, render_json
from flows.simulator.alphavantage.time_series import (
    COMPACT_POINTS,
    OUTPUT_SIZES,
    TIME_SERIES,
    AlphaVantageQuery,
    TimeSeries,
)
from flows.simulator.data_faults import correct_points, drop_late_points, repeat_and_shuffle
from flows.simulator.faults import Fault
from flows.simulator.http_response import JSON_TYPE
from flows.simulator.market.continuous_bars import is_known_coin
from flows.simulator.market.market import Market
from flows.simulator.market.sessions import NEW_YORK

_CSV_TYPE = "application/x-download"
_OTHER_NEWS_TICKERS = ("AAPL", "IBM", "MSFT", "JPM")


@dataclass(frozen=True)
class QueryBody:
    """The bytes of a response; `is_simulated` if any value in it is generated rather than observed."""

    content: bytes
    content_type: str = JSON_TYPE
    is_simulated: bool = False


def query_body(
    query: AlphaVantageQuery, market: Market, now: datetime, faults: Sequence[Fault] = ()
) -> QueryBody:
    """The body for a query at an instant, with data faults applied; transport faults are ignored."""
    if query.function in _DOCUMENTS:
        return _DOCUMENTS[query.function](query, market, now)
    if query.function not in TIME_SERIES:
        return QueryBody(messages.render(messages.unknown_function(query.function)))
    series = TIME_SERIES[query.function](query, market, now)
    if series is None or query.outputsize not in OUTPUT_SIZES:
        return QueryBody(messages.render(messages.invalid_call(query.function)))
    return _series_body(query, series, now, faults)


def _series_body(
    query: AlphaVantageQuery, series: TimeSeries, now: datetime, faults: Sequence[Fault]
) -> QueryBody:
    arrived = drop_late_points(series.points, faults, now)
    points = correct_points(arrived, faults, query.symbol, now)
    if query.outputsize == "compact" and series.has_sizes:
        points = points[:COMPACT_POINTS]
    if not points:
        return QueryBody(messages.render(messages.invalid_call(query.function)))
    is_simulated = series.is_generated or any(
        corrected != original for corrected, original in zip(points, arrived, strict=False)
    )
    information = f"{series.information} (SIMULATED)" if is_simulated else series.information
    meta = (("Information", information), *series.heading(OUTPUT_SIZES[query.outputsize], points[0]))
    document = AlphaVantageSeries(meta, series.title, repeat_and_shuffle(points, faults, query.symbol))
    if query.datatype == "csv":
        return QueryBody(render_csv(document), _CSV_TYPE, is_simulated)
    return QueryBody(render_json(document), JSON_TYPE, is_simulated)


def _overview_body(query: AlphaVantageQuery, market: Market, now: datetime) -> QueryBody:
    """The fundamentals; for an unknown symbol `{}`, like Alpha Vantage."""
    bars = market.daily_bars(query.symbol, now)
    if not bars:
        return QueryBody(b"{}")
    company, first_close = market.company(query.symbol), market.history(query.symbol)[0].close
    return _simulated_json(overview(market.seed, query.symbol, company, bars, first_close))


def _splits_body(query: AlphaVantageQuery, market: Market, _now: datetime) -> QueryBody:
    """The splits; for an unknown symbol an empty list, like Alpha Vantage."""
    rows = splits(market.seed, query.symbol) if market.history(query.symbol) else []
    return _simulated_json({"symbol": query.symbol, "data": rows})


def _dividends_body(query: AlphaVantageQuery, market: Market, now: datetime) -> QueryBody:
    today = now.astimezone(NEW_YORK).date()
    rows = dividends(market.seed, query.symbol, market.history(query.symbol), today)
    return _simulated_json({"symbol": query.symbol, "data": rows})


def _listing_body(query: AlphaVantageQuery, market: Market, _now: datetime) -> QueryBody:
    state = query.extra.get("state", "active")
    if state not in STATES:
        return QueryBody(messages.render(messages.invalid_call(query.function)))
    return QueryBody(listing(market.seed, market.companies(), state), _CSV_TYPE, is_simulated=True)


def _news_body(query: AlphaVantageQuery, market: Market, now: datetime) -> QueryBody:
    """Articles about one ticker, `AAPL` or `CRYPTO:BTC`; Alpha Vantage's refusal for an unknown one."""
    kind, _, coin = query.symbol.rpartition(":")
    is_known = is_known_coin(coin, "USD") if kind == "CRYPTO" else bool(market.history(query.symbol))
    news_query = read_news_query(query.symbol, query.extra, now)
    if news_query is None or not is_known:
        return QueryBody(messages.render(messages.INVALID_INPUTS))
    return _simulated_json(news(market.seed, news_query, _OTHER_NEWS_TICKERS))


def _simulated_json(document: Mapping[str, object]) -> QueryBody:
    return QueryBody(json.dumps(document, indent=4).encode(), is_simulated=True)


_DOCUMENTS: Mapping[str, Callable[[AlphaVantageQuery, Market, datetime], QueryBody]] = {
    "OVERVIEW": _overview_body,
    "SPLITS": _splits_body,
    "DIVIDENDS": _dividends_body,
    "LISTING_STATUS": _listing_body,
    "NEWS_SENTIMENT": _news_body,
}
