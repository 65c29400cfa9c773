"""Alpha Vantage's splits, dividends, news and listings as raw string columns. Nothing is validated.

Formats: https://www.alphavantage.co/documentation/ . Splits and dividends are JSON
`{"symbol": ..., "data": [...]}` or CSV, listings CSV only, news JSON only. A missing value is written `None`
or `null`.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.parsing.body_text import body_text
from jobs.parsing.json_values import RawRow, distinct_labels, json_document, raw_text
from jobs.parsing.python_parser import BodyParser, parse_bodies
from jobs.parsing.raw_schema import (
    ACTION_FIELDS,
    INSTRUMENT_FIELDS,
    NEWS_FIELDS,
    NOTHING,
    RAW_ACTION_COLUMNS,
    RAW_INSTRUMENT_COLUMNS,
    RAW_NEWS_COLUMNS,
)

ACTION_DATASETS = ("splits", "dividends")
NEWS_DATASETS = ("news",)
LISTING_DATASETS = ("listing_status", "delisted_status")
# A tuple, because parsers are sent to the engine's workers with the constants that they use.
_FUNDS = ("ETF",)

Fields = Mapping[str, object]


def parse_alphavantage_actions(payloads_df: DataFrame) -> DataFrame:
    """One row per split or dividend with RAW_ACTION_COLUMNS; one row at position NOTHING for an empty list.

    Alpha Vantage writes a split as its factor: new shares per old share. It lists spin-offs among the splits
    (IBM's of 2021-11-04 as 1.0460); they are kept as splits.
    """
    return (
        _rows(payloads_df, ("splits",), split_rows, ACTION_FIELDS)
        .unionByName(_rows(payloads_df, ("dividends",), dividend_rows, ACTION_FIELDS))
        .select(*RAW_ACTION_COLUMNS)
    )


def parse_alphavantage_news(payloads_df: DataFrame) -> DataFrame:
    """One row per article and ticker with RAW_NEWS_COLUMNS; one at position NOTHING for an empty feed."""
    return _rows(payloads_df, NEWS_DATASETS, news_rows, ("symbol", *NEWS_FIELDS)).select(*RAW_NEWS_COLUMNS)


def parse_alphavantage_instruments(payloads_df: DataFrame) -> DataFrame:
    """One row per line of a listing with RAW_INSTRUMENT_COLUMNS; `symbol` is the symbol of the line."""
    rows_df = _rows(payloads_df, LISTING_DATASETS, listing_rows, ("symbol", *INSTRUMENT_FIELDS))
    return rows_df.select(*RAW_INSTRUMENT_COLUMNS)


def _rows(
    payloads_df: DataFrame, datasets: Sequence[str], parse: BodyParser, columns: Sequence[str]
) -> DataFrame:
    return parse_bodies(payloads_df.filter(F.col("dataset").isin(*datasets)), parse, columns)


def split_rows(body: bytes, _symbol: str, _interval: str | None) -> list[RawRow]:
    """The splits as tuples of ACTION_FIELDS; at least one tuple."""

    def values(fields: Fields) -> RawRow:
        factor = raw_text(fields.get("split_factor"))
        denominator = None if factor is None else "1"
        return (raw_text(fields.get("effective_date")), factor, denominator, *[None] * 5)

    return _action_rows(body, "split", "split", values)


def dividend_rows(body: bytes, _symbol: str, _interval: str | None) -> list[RawRow]:
    """The dividends as tuples of ACTION_FIELDS; at least one tuple."""
    names = ("declaration_date", "record_date", "payment_date")

    def values(fields: Fields) -> RawRow:
        dates = (raw_text(fields.get(name)) for name in names)
        ex_text, amount = raw_text(fields.get("ex_dividend_date")), raw_text(fields.get("amount"))
        return (ex_text, None, None, amount, None, *dates)

    return _action_rows(body, "dividend", "cash", values)


def news_rows(body: bytes, symbol: str, _interval: str | None) -> list[RawRow]:
    """The articles, one tuple per ticker: the ticker and NEWS_FIELDS; at least one tuple."""
    document = json_document(body)
    feed = document.get("feed") if isinstance(document, dict) else None
    if not isinstance(feed, list):
        return [(symbol, "/", *[None] * 13)]
    rows = [row for number, article in enumerate(feed) for row in _article_rows(number, article, symbol)]
    return rows or [(symbol, NOTHING, *[None] * 13)]


def listing_rows(body: bytes, symbol: str, _interval: str | None) -> list[RawRow]:
    """The lines as tuples of the symbol and INSTRUMENT_FIELDS; at least one tuple.

    A line with too many or too few cells is its own symbol, with no other values.
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


def _action_rows(body: bytes, action: str, label: str, values: Callable[[Fields], RawRow]) -> list[RawRow]:
    listed = _listed(body)
    if listed is None:
        return [("/", *[None] * 11)]
    symbol, entries = listed
    found = [(position, values(fields)) for position, fields in entries]
    labels = distinct_labels((row for _, row in found), label)
    rows: list[RawRow] = [(position, symbol, action, labels[row], *row) for position, row in found]
    return rows or [(NOTHING, *[None] * 11)]


def _listed(body: bytes) -> tuple[str | None, list[tuple[str, Fields]]] | None:
    """The symbol that the list states, and its entries with their positions; None if there is no list."""
    document = json_document(body)
    if isinstance(document, dict):
        entries = document.get("data")
        if not isinstance(entries, list):
            return None
        numbered: list[tuple[str, Fields]] = [
            (f"/data/{number}", entry if isinstance(entry, dict) else {})
            for number, entry in enumerate(entries)
        ]
        return raw_text(document.get("symbol")), numbered
    if not body.startswith((b"effective_date,", b"ex_dividend_date,")):
        return None
    # an unreadable line becomes the date of an action, which no rule accepts
    first = body.split(b",", 1)[0].decode()
    return None, [
        (position, {first: line} if fields is None else fields) for position, line, fields in _lines(body)
    ]


def _article_rows(number: int, article: object, symbol: str) -> Iterator[RawRow]:
    """One row per ticker; an unreadable article or ticker gives a row of Nones under the requested symbol."""
    position = f"/feed/{number}"
    if not isinstance(article, dict):
        yield (symbol, position, *[None] * 13)
        return
    names = ("url", "title", "summary", "source", "source_domain", "time_published")
    shared = [raw_text(article.get(name)) for name in names]
    shared += [_joined(article.get("authors")), _joined(article.get("topics"))]
    shared += [raw_text(article.get(f"overall_sentiment_{name}")) for name in ("score", "label")]
    tickers = article.get("ticker_sentiment") or [{"ticker": "none"}]
    for at, ticker in enumerate(tickers if isinstance(tickers, list) else [tickers]):
        if isinstance(ticker, dict) and ticker.get("ticker"):
            scores = ("relevance_score", "ticker_sentiment_score", "ticker_sentiment_label")
            about = (raw_text(ticker.get(name)) for name in scores)
            yield (raw_text(ticker["ticker"]), f"{position}/{at}", *shared, *about)
        else:
            yield (symbol, f"{position}/{at}", *[None] * 13)


def _joined(listed: object) -> str | None:
    """A list of names, or of topics with their relevance, as one string."""
    if not isinstance(listed, list):
        return raw_text(listed)
    parts = [
        " ".join(str(value) for value in item.values()) if isinstance(item, dict) else str(item)
        for item in listed
    ]
    return "; ".join(parts) if parts else None


def _lines(body: bytes) -> Iterator[tuple[str, str, dict[str, str] | None]]:
    """Position, text and cells by name of each line below the header; None for cells that do not fit it."""
    lines = io.StringIO(body_text(body), newline=None).read().split("\n")
    header = _cells(lines[0])
    for number, line in enumerate(lines[1:], start=2):
        if line.strip():
            cells = _cells(line)
            fits = len(cells) == len(header)
            yield f"line {number}", line, dict(zip(header, cells, strict=True)) if fits else None


def _cells(line: str) -> list[str]:
    """The cells of a line; none if one of them is too long to be read."""
    try:
        return next(csv.reader([line]), [])
    except csv.Error:  # then the line fits no header
        return []
