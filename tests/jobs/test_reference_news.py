"""News: payloads to validated articles to history, on both engines."""

import hashlib
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from pyspark.sql import SparkSession

from delta_tables.tables.silver import QUARANTINE
from delta_tables.tables.silver_reference import NEWS
from jobs.parsing.alphavantage_reference import parse_alphavantage_news
from jobs.silver.news import news_changes, validated_news
from jobs.silver.quarantine import quarantine_rows
from tests.builders.reference_frames import after, empty_frame, listed, payloads_frame, rows_of_each

URL = "https://example.org/a"


def ticker(name: str, score: str = "0.061509") -> dict[str, str]:
    return {
        "ticker": name,
        "relevance_score": "1.000000",
        "ticker_sentiment_score": score,
        "ticker_sentiment_label": "Neutral",
    }


def article(*tickers: dict[str, str], **fields: Any) -> dict[str, Any]:
    return {
        "title": "Tim Cook says \u201cyes\u201d",
        "url": URL,
        "time_published": "20260517T110100",
        "authors": ["A. One", "B. Two"],
        "summary": "He said it.",
        "source": "Wire",
        "source_domain": "example.org",
        "topics": [{"topic": "technology", "relevance_score": "0.846949"}],
        "overall_sentiment_score": 0.22902,
        "overall_sentiment_label": "Somewhat-Bullish",
        "ticker_sentiment": list(tickers),
        **fields,
    }


def news(*articles: Any, **fields: Any) -> dict[str, Any]:
    return listed("news", {"items": str(len(articles)), "feed": list(articles)}, symbol="AAPL", **fields)


def validated(engine: SparkSession, *rows: dict[str, Any]) -> list[Any]:
    return (
        validated_news(parse_alphavantage_news(payloads_frame(engine, *rows))).orderBy("position").collect()
    )


def test_an_article_is_a_row_for_each_ticker_it_names(engine: SparkSession) -> None:
    apple, coin = validated(engine, news(article(ticker("AAPL"), ticker("CRYPTO:BTC", "-0.5"))))
    assert [(row["symbol"], row["ticker_sentiment_score"]) for row in (apple, coin)] == [
        ("AAPL", Decimal("0.061509")),
        ("CRYPTO:BTC", Decimal("-0.5")),
    ]
    assert apple["article_id"] == coin["article_id"] == hashlib.sha256(URL.encode()).hexdigest()
    assert apple["published_at"] == datetime(2026, 5, 17, 11, 1)  # noqa: DTZ001 - Spark's naive UTC
    assert (apple["overall_sentiment_score"], apple["relevance_score"]) == (Decimal("0.22902"), Decimal(1))
    assert (apple["title"], apple["authors"]) == ("Tim Cook says \u201cyes\u201d", "A. One; B. Two")
    assert (apple["topics"], apple["position"]) == ("technology 0.846949", "/feed/0/0")
    assert (apple["ticker_sentiment_label"], apple["reasons"]) == ("Neutral", [])


def test_an_article_that_names_no_ticker_is_kept_under_none(engine: SparkSession) -> None:
    (row,) = validated(engine, news(article(authors=[])))
    assert (row["symbol"], row["relevance_score"], row["authors"]) == ("none", None, None)
    assert row["reasons"] == []


def test_an_empty_feed_says_that_there_is_no_news(engine: SparkSession) -> None:
    assert validated(engine, news()) == []


UNREADABLE = [{"items": "0"}, b"<html>", b"", b'{"feed": [{"title": ', b'{"feed": "x"}']


def test_feeds_that_cannot_be_read_do_not_vanish(engine: SparkSession) -> None:
    payloads = [listed("news", body, symbol="AAPL") for body in UNREADABLE]
    found = rows_of_each(partial(validated, engine), payloads)
    assert [[row["reasons"] for row in rows] for rows in found] == [[["no_rows"]]] * len(UNREADABLE)


BROKEN: list[tuple[Any, list[str]]] = [
    (article(ticker("AAPL"), url=None), ["no_url"]),
    (article(ticker("AAPL"), time_published="yesterday"), ["unreadable_date"]),
    (article(ticker("AAPL"), time_published="20261317T110100"), ["unreadable_date"]),
    (article(ticker("AAPL", "bullish")), ["unreadable_number"]),
    (article(ticker("AAPL", "1e-2")), ["unreadable_number"]),
    (article({"ticker": ""}), ["no_rows"]),
    (article(ticker_sentiment="AAPL"), ["no_rows"]),
    ("no article", ["no_rows"]),
]


@pytest.fixture(scope="module")
def broken_rows(engine: SparkSession) -> list[list[Any]]:
    return rows_of_each(partial(validated, engine), [news(faulty) for faulty, _ in BROKEN])


@pytest.mark.parametrize("case", range(len(BROKEN)))
def test_an_article_that_breaks_a_rule_says_which(broken_rows: list[list[Any]], case: int) -> None:
    (row,), (_, reasons) = broken_rows[case], BROKEN[case]
    assert row["reasons"] == reasons


def test_the_same_article_in_two_feeds_is_known_once_and_a_new_score_is_a_correction(
    engine: SparkSession,
) -> None:
    rows = [
        news(article(ticker("AAPL"))),
        news(article(ticker("AAPL")), article(ticker("AAPL"), url=URL + "b"), fetched_at=after(1)),
        news(article(ticker("AAPL", "0.2")), fetched_at=after(2)),
    ]
    validated_df = validated_news(parse_alphavantage_news(payloads_frame(engine, *rows)))
    found = news_changes(validated_df, empty_frame(engine, NEWS), "r1").orderBy("url", "known_from").collect()
    assert [(row["url"], row["ticker_sentiment_score"], row["known_to"] is None) for row in found] == [
        (URL, Decimal("0.061509"), False),
        (URL, Decimal("0.2"), True),
        (URL + "b", Decimal("0.061509"), True),
    ]


def test_a_faulty_article_fits_the_quarantine(engine: SparkSession) -> None:
    frame_df = payloads_frame(engine, news(article(ticker("AAPL"), time_published="")))
    (row,) = quarantine_rows(
        validated_news(parse_alphavantage_news(frame_df)), empty_frame(engine, QUARANTINE), "r1"
    ).collect()
    assert (row["symbol"], row["interval"], row["reasons"]) == ("AAPL", "none", ["unreadable_date"])
    assert URL in row["raw_values"]
