"""NEWS_SENTIMENT: generated articles, marked as simulated in title and summary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from flows.simulator.market.random_seeds import stable_random

_TRAILING = timedelta(days=60)
_DEFAULT_ARTICLES, _MAX_ARTICLES = 50, 1000
_TIME_FORMAT = "%Y%m%dT%H%M"
_TOPICS = ("earnings", "technology", "finance", "mergers_and_acquisitions", "economy_macro")
_SOURCES = ("Simulated Wire", "Simulated Gazette", "Simulated Times")
_HEADLINES = ("reports its quarter", "names a new chief", "opens a plant", "is upgraded", "is sued")
_SECOND_TICKER_SHARE, _NO_NEWS_SHARE = 0.4, 0.3
# The lowest score of each label, as Alpha Vantage defines them.
_SENTIMENT_LABELS = (
    (0.35, "Bullish"),
    (0.15, "Somewhat-Bullish"),
    (-0.15, "Neutral"),
    (-0.35, "Somewhat-Bearish"),
)
_DEFINITIONS = {
    "sentiment_score_definition": "x <= -0.35: Bearish; -0.35 < x <= -0.15: Somewhat-Bearish; "
    "-0.15 < x < 0.15: Neutral; 0.15 <= x < 0.35: Somewhat_Bullish; x >= 0.35: Bullish",
    "relevance_score_definition": "0 < x <= 1, with a higher score indicating higher relevance.",
}


@dataclass(frozen=True)
class NewsQuery:
    """One ticker, a range of time, the highest number of articles, and their order."""

    ticker: str
    first: datetime
    last: datetime
    limit: int
    is_latest_first: bool


def read_news_query(ticker: str, params: Mapping[str, str], now: datetime) -> NewsQuery | None:
    """The query of these parameters, or None if one is invalid; it ends at `now` at the latest."""
    try:
        first = _instant(params["time_from"]) if "time_from" in params else now - _TRAILING
        last = _instant(params["time_to"]) if "time_to" in params else now
        limit = int(params.get("limit", _DEFAULT_ARTICLES))
    except ValueError:
        return None
    order = params.get("sort", "LATEST")
    if not 1 <= limit <= _MAX_ARTICLES or order not in {"LATEST", "EARLIEST", "RELEVANCE"}:
        return None
    return NewsQuery(ticker, first, min(last, now), limit, order != "EARLIEST")


def news(seed: int, query: NewsQuery, others: Sequence[str]) -> dict[str, object]:
    """The body: at most one article per day, about the ticker and sometimes also about one of `others`."""
    days = max(0, (query.last.date() - query.first.date()).days + 1)
    dates = [query.first.date() + timedelta(days=number) for number in range(days)]
    if query.is_latest_first:
        dates.reverse()
    feed: list[dict[str, object]] = []
    for day in dates:
        rng = stable_random("news", seed, query.ticker, day)
        at = datetime.combine(day, datetime.min.time(), tzinfo=UTC) + timedelta(seconds=rng.randrange(86_400))
        if rng.random() >= _NO_NEWS_SHARE and query.first <= at <= query.last and len(feed) < query.limit:
            feed.append(_article(rng, query.ticker, at, others))
    return {"items": str(len(feed)), **_DEFINITIONS, "feed": feed}


def _article(rng: Random, ticker: str, at: datetime, others: Sequence[str]) -> dict[str, object]:
    headline, source = rng.choice(_HEADLINES), rng.choice(_SOURCES)
    score = rng.uniform(-0.6, 0.6)
    tickers = [ticker]
    if others and rng.random() < _SECOND_TICKER_SHARE:
        tickers += [other for other in [rng.choice(others)] if other != ticker]
    return {
        "title": f"SIMULATED: {ticker} {headline}",
        "url": f"https://news.invalid/{ticker.lower().replace(':', '-')}/{at:%Y%m%d%H%M%S}",
        "time_published": f"{at:%Y%m%dT%H%M%S}",
        "authors": ["Nobody"],
        "summary": f"SIMULATED article, drawn by seed: {ticker} {headline}.",
        "banner_image": None,
        "source": source,
        "category_within_source": "General",
        "source_domain": "news.invalid",
        "topics": [{"topic": rng.choice(_TOPICS), "relevance_score": f"{rng.uniform(0.1, 1):.6f}"}],
        "overall_sentiment_score": round(score, 6),
        "overall_sentiment_label": _sentiment_label(score),
        "ticker_sentiment": [_ticker_sentiment(rng, name) for name in tickers],
    }


def _ticker_sentiment(rng: Random, ticker: str) -> dict[str, str]:
    score = rng.uniform(-0.6, 0.6)
    return {
        "ticker": ticker,
        "relevance_score": f"{rng.uniform(0.1, 1):.6f}",
        "ticker_sentiment_score": f"{score:.6f}",
        "ticker_sentiment_label": _sentiment_label(score),
    }


def _sentiment_label(score: float) -> str:
    return next((label for min_score, label in _SENTIMENT_LABELS if score >= min_score), "Bearish")


def _instant(text: str) -> datetime:
    return datetime.strptime(text, _TIME_FORMAT).replace(tzinfo=UTC)
