"""Alpha Vantage's splits, dividends, news and listings as rows of text: nothing judged, nothing lost.

Formats: https://www.alphavantage.co/documentation/ . Splits and dividends come as JSON
`{"symbol": ..., "data": [...]}` or as CSV, listings as CSV only, news as JSON only. What is missing is
written `None` or `null`.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.parsing.python_parser import BodyParser, RawRow, parse_bodies
from jobs.parsing.raw_schema import (
    ACTION_FIELDS,
    INSTRUMENT_FIELDS,
    NEWS_FIELDS,
    NOTHING,
    RAW_ACTION_COLUMNS,
    RAW_INSTRUMENT_COLUMNS,
    RAW_NEWS_COLUMNS,
)

LISTINGS = ("listing_status", "delisted_status")
# A parser runs in the engine's workers and takes along what it names; tuples and strings travel well.
_FUNDS = ("ETF",)

Fields = Mapping[str, object]


def parse_alphavantage_actions(payloads_df: DataFrame) -> DataFrame:
    """One row a split or dividend with RAW_ACTION_COLUMNS; one at NOTHING where the list is empty.

    Alpha Vantage writes a split as its factor: new shares for an old one. It puts spin-offs among the
    splits (IBM's of 2021-11-04 as 1.0460), and they stay there.
    """
    return (
        _rows(payloads_df, ("splits",), split_rows, ACTION_FIELDS)
        .unionByName(_rows(payloads_df, ("dividends",), dividend_rows, ACTION_FIELDS))
        .select(*RAW_ACTION_COLUMNS)
    )


def parse_alphavantage_news(payloads_df: DataFrame) -> DataFrame:
    """One row an article and ticker with RAW_NEWS_COLUMNS; one at NOTHING where the feed is empty."""
    return _rows(payloads_df, ("news",), news_rows, ("symbol", *NEWS_FIELDS)).select(*RAW_NEWS_COLUMNS)


def parse_alphavantage_instruments(payloads_df: DataFrame) -> DataFrame:
    """One row a line of a listing with RAW_INSTRUMENT_COLUMNS; `symbol` is the line's."""
    rows_df = _rows(payloads_df, LISTINGS, listing_rows, ("symbol", *INSTRUMENT_FIELDS))
    return rows_df.select(*RAW_INSTRUMENT_COLUMNS)


def _rows(
    payloads_df: DataFrame, datasets: Sequence[str], parse: BodyParser, columns: Sequence[str]
) -> DataFrame:
    return parse_bodies(payloads_df.filter(F.col("dataset").isin(*datasets)), parse, columns)


def split_rows(body: bytes, _symbol: str, _interval: str | None) -> list[RawRow]:
    """The texts of each split in the order of ACTION_TEXTS; at least one tuple."""

    def row(fields: Fields) -> RawRow:
        factor = _text(fields.get("split_factor"))
        denominator = None if factor is None else "1"
        return (_text(fields.get("effective_date")), factor, denominator, *[None] * 5)

    return _actions(body, "split", "split", row)


def dividend_rows(body: bytes, _symbol: str, _interval: str | None) -> list[RawRow]:
    """The texts of each dividend in the order of ACTION_TEXTS; at least one tuple."""
    names = ("declaration_date", "record_date", "payment_date")

    def row(fields: Fields) -> RawRow:
        dates = (_text(fields.get(name)) for name in names)
        ex_text, amount = _text(fields.get("ex_dividend_date")), _text(fields.get("amount"))
        return (ex_text, None, None, amount, None, *dates)

    return _actions(body, "dividend", "cash", row)


def news_rows(body: bytes, symbol: str, _interval: str | None) -> list[RawRow]:
    """The symbol and the texts of each article and ticker in the order of NEWS_TEXTS; at least one tuple."""
    document = _document(body)
    feed = document.get("feed") if isinstance(document, dict) else None
    if not isinstance(feed, list):
        return [(symbol, "/", *[None] * 13)]
    rows = [row for number, article in enumerate(feed) for row in _article(number, article, symbol)]
    return rows or [(symbol, NOTHING, *[None] * 13)]


def listing_rows(body: bytes, symbol: str, _interval: str | None) -> list[RawRow]:
    """The symbol and the texts of each line in the order of INSTRUMENT_TEXTS; at least one tuple.

    A line with too many or too few cells has itself as the symbol and nothing else.
    """
    rows: list[RawRow] = []
    for position, line, fields in _lines(body):
        if fields is None or "symbol" not in fields:
            rows.append((symbol, position, line, *[None] * 10))
            continue
        kind = fields.get("assetType") or ""
        asset_class = "fund" if kind in _FUNDS else kind.lower()
        identity = (fields["symbol"], fields.get("name"), asset_class, fields.get("exchange"))
        dates = (fields.get("ipoDate"), fields.get("delistingDate"))
        status = fields.get("status")
        rows.append((fields["symbol"], position, *identity, None, None, None, None, status, *dates))
    return rows or [(symbol, "/", *[None] * 11)]


def _actions(body: bytes, action: str, label: str, row: Callable[[Fields], RawRow]) -> list[RawRow]:
    listed = _listed(body)
    if listed is None:
        return [("/", *[None] * 11)]
    symbol, entries = listed
    found = [(position, row(fields)) for position, fields in entries]
    labels = _labels([row for _, row in found], label)
    rows: list[RawRow] = [(position, symbol, action, labels[row], *row) for position, row in found]
    return rows or [(NOTHING, *[None] * 11)]


def _labels(rows: Sequence[RawRow], label: str) -> dict[RawRow, str]:
    """A label for each row: that of its kind, with a number where one day has several different ones.

    The order of the texts gives the numbers, not that of the list, so that another order of the same list
    is the same knowledge. Rows equal in everything are one action written twice.
    """
    labels: dict[RawRow, str] = {}
    count_of_day: dict[str | None, int] = {}
    for row in sorted(set(rows), key=lambda row: tuple(text or "" for text in row)):
        count = count_of_day[row[0]] = count_of_day.get(row[0], 0) + 1
        labels[row] = label if count == 1 else f"{label} {count}"
    return labels


def _listed(body: bytes) -> tuple[str | None, list[tuple[str, Fields]]] | None:
    """The symbol that the list states and its entries with their positions; None where there is no list."""
    document = _document(body)
    if isinstance(document, dict):
        entries = document.get("data")
        if not isinstance(entries, list):
            return None
        places: list[tuple[str, Fields]] = [
            (f"/data/{number}", entry if isinstance(entry, dict) else {})
            for number, entry in enumerate(entries)
        ]
        return _text(document.get("symbol")), places
    if not body.startswith((b"effective_date,", b"ex_dividend_date,")):
        return None
    # a line that cannot be read is kept as the date of an action, which no rule accepts
    first = body.split(b",", 1)[0].decode()
    return None, [
        (position, {first: line} if fields is None else fields) for position, line, fields in _lines(body)
    ]


def _article(number: int, article: object, symbol: str) -> Iterator[RawRow]:
    """A row for each ticker; what cannot be read gives one of nulls, filed under the symbol asked for."""
    position = f"/feed/{number}"
    if not isinstance(article, dict):
        yield (symbol, position, *[None] * 13)
        return
    names = ("url", "title", "summary", "source", "source_domain", "time_published")
    told = [_text(article.get(name)) for name in names]
    told += [_joined(article.get("authors")), _joined(article.get("topics"))]
    told += [_text(article.get(f"overall_sentiment_{name}")) for name in ("score", "label")]
    tickers = article.get("ticker_sentiment") or [{"ticker": "none"}]
    for at, ticker in enumerate(tickers if isinstance(tickers, list) else [tickers]):
        if isinstance(ticker, dict) and ticker.get("ticker"):
            scores = ("relevance_score", "ticker_sentiment_score", "ticker_sentiment_label")
            about = (_text(ticker.get(name)) for name in scores)
            yield (_text(ticker["ticker"]), f"{position}/{at}", *told, *about)
        else:
            yield (symbol, f"{position}/{at}", *[None] * 13)


def _joined(listed: object) -> str | None:
    """Names, or topics with their relevance, in one text."""
    if not isinstance(listed, list):
        return _text(listed)
    parts = [
        " ".join(str(value) for value in each.values()) if isinstance(each, dict) else str(each)
        for each in listed
    ]
    return "; ".join(parts) if parts else None


def _lines(body: bytes) -> Iterator[tuple[str, str, dict[str, str] | None]]:
    """Each line under the header: its position, itself, its cells by name; None where they do not fit."""
    lines = io.StringIO(bytes(body).decode("utf-8", errors="replace"), newline=None).read().split("\n")
    header = next(csv.reader(lines[:1]), [])
    for number, line in enumerate(lines[1:], start=2):
        if line.strip():
            cells = next(csv.reader([line]), [])
            fits = len(cells) == len(header)
            yield f"line {number}", line, dict(zip(header, cells, strict=True)) if fits else None


def _document(body: bytes) -> object:
    """The body's JSON, numbers as they were written; None where it is none."""
    try:
        return json.loads(bytes(body), parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return None


def _text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)
