"""Payloads that go wrong in every way that providers or lines can think of; made here, not captured."""

import json
import random
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from tests.builders.payloads import DAYS, T0, bar, daily, intraday, overview, payload

Row = dict[str, Any]
Mutation = Callable[[random.Random, bytes], bytes]
BARS = {day: bar() for day in DAYS[:2]}
LONE = "\\ud83d"  # half of an emoji, as JSON writes it


def news(symbol: str, title: str = '"a"', published: str = "20100820T100000", **fields: Any) -> Row:
    """A feed of one article; `title` is JSON."""
    url = fields.pop("url", f'"http://example.com/{symbol}"')
    scores = '"relevance_score":"0.1","ticker_sentiment_score":"0.1","ticker_sentiment_label":"N"'
    body = (
        f'{{"items":"1","feed":[{{"title":{title},"url":{url},"time_published":"{published}","summary":"s",'
        f'"source":"x","overall_sentiment_score":0.1,"overall_sentiment_label":"N",'
        f'"ticker_sentiment":[{{"ticker":"{symbol}",{scores}}}]}}]}}'
    )
    return payload(dataset="news", symbol=symbol, fetched_at=T0, body=body.encode(), **fields)


def splits(symbol: str, day: str = "2010-08-16", factor: str = "2", **fields: Any) -> Row:
    """A list of one split."""
    body = {"symbol": symbol, "data": [{"effective_date": day, "split_factor": factor}]}
    return payload(dataset="splits", symbol=symbol, fetched_at=T0, **{"body": body, **fields})


def listing(*lines: bytes) -> Row:
    """A listing of these lines."""
    header = b"symbol,name,exchange,assetType,ipoDate,delistingDate,status"
    body = b"\n".join((header, *lines)) + b"\n"
    return payload(dataset="listing_status", symbol="ALL", fetched_at=T0, body=body)


def chart(symbol: str, stamp: str = "1282311000", price: str = "10.0", **meta: str) -> Row:
    """Yahoo's chart of one daily bar; every value is JSON."""
    known = {"currency": '"USD"', "symbol": f'"{symbol}"', "exchangeName": '"NMS"', "longName": '"A"'}
    known |= {"instrumentType": '"EQUITY"', "exchangeTimezoneName": '"America/New_York"'}
    known |= {"dataGranularity": '"1d"', **meta}
    stated = ",".join(f'"{name}":{value}' for name, value in known.items())
    quote = f'{{"open":[{price}],"high":[{price}],"low":[{price}],"close":[{price}],"volume":[1]}}'
    body = (
        f'{{"chart":{{"result":[{{"meta":{{{stated}}},"timestamp":[{stamp}],'
        f'"indicators":{{"quote":[{quote}]}}}}],"error":null}}}}'
    )
    row = {"provider": "yahoo", "dataset": "daily", "symbol": symbol, "interval": "1day"}
    return payload(**row, fetched_at=T0, body=body.encode())


def prices(symbol: str, stamp: str = "1282262400000", price: str = "1.0") -> Row:
    """CoinGecko's chart of four prices, the last of which is stated here."""
    body = f'{{"prices":[[1282003200000,1],[1282089600000,1],[1282176000000,1],[{stamp},{price}]]}}'
    row = {"provider": "coingecko", "dataset": "market_chart", "symbol": symbol}
    return payload(**row, fetched_at=T0, body=body.encode())


def csv_bars(symbol: str, *lines: bytes) -> Row:
    """Daily bars as CSV."""
    body = b"\n".join((b"timestamp,open,high,low,close,volume", *lines)) + b"\n"
    row = {"dataset": "daily", "symbol": symbol, "interval": "1day", "fetched_at": T0}
    return payload(**row, body=body)


def changed(row: Row, old: bytes, new: bytes) -> Row:
    """The payload with other bytes at one place."""
    assert old in row["body"], old
    return payload(**{**row, "body": row["body"].replace(old, new, 1)})


def in_encoding(row: Row, encoding: str) -> Row:
    """The payload in another encoding, with a character that shows it."""
    text = json.dumps({**json.loads(row["body"]), "note": "한글"}, ensure_ascii=False)
    return payload(**{**row, "body": text.encode(encoding)})


def many_keys(symbol: str, count: int) -> Row:
    """A history of as many bars under keys that are no days."""
    return daily(symbol, {**BARS, **{f"k{number}": bar() for number in range(count)}})


# How a payload is poisoned, the rows of it that are published all the same, and those in the quarantine.
POISON: dict[str, tuple[Row, int, int]] = {
    "year one": (daily("P01", {**BARS, "0001-01-01": bar()}), 2, 1),
    "year 9999": (daily("P02", {**BARS, "9999-12-31": bar()}), 2, 1),
    "year 1677": (daily("P03", {**BARS, "1677-09-20": bar()}), 2, 1),
    "year 2263": (intraday("P04", {"2010-08-20 12:00:00": bar(), "2263-04-12 09:30:00": bar()}), 1, 1),
    "day zero": (daily("P05", {**BARS, "0000-00-00": bar()}), 2, 1),
    "year of five digits": (daily("P06", {**BARS, "+10000-01-01": bar()}), 2, 1),
    "bytes that are no UTF-8 in CSV": (
        csv_bars("P07", b"2010-08-19,10,11,9,10,1\xff0", b"2010-08-20,10,11,9,10,100"),
        1,
        1,
    ),
    "an encoded surrogate": (changed(daily("P08", BARS), b"US/Eastern", b"US/Eastern\xed\xa0\xbd"), 0, 2),
    "UTF-16": (in_encoding(daily("P09", BARS), "utf-16-le"), 2, 0),
    "UTF-8 with a byte order mark": (in_encoding(daily("P10", BARS), "utf-8-sig"), 2, 0),
    "UTF-32": (in_encoding(overview("P11", EPS="2"), "utf-32"), 1, 0),
    "half an emoji in a name": (overview("P12", Name="\ud83d cut", EPS="2"), 1, 0),
    "NaN": (changed(daily("P13", BARS), b'"10.5"', b"NaN"), 1, 1),
    "infinite": (changed(daily("P14", BARS), b'"10.5"', b"-Infinity"), 1, 1),
    "a volume of 60 digits": (daily("P15", {**BARS, DAYS[3]: bar(volume="9" * 60)}), 2, 1),
    "a price of 100,000 digits": (
        changed(daily("P16", {**BARS, DAYS[3]: bar("77.25")}), b'"77.25"', b'"' + b"9" * 100_000 + b'"'),
        2,
        1,
    ),
    "a bad date and a bad number among facts": (
        overview("P17", LatestQuarter="9999-12-31", EPS="1.2.3e5", Beta="1.5"),
        1,
        2,
    ),
    "a fact of 60 digits": (overview("P18", MarketCapitalization="9" * 60, EPS="2"), 1, 1),
    "half an emoji in a headline": (news("P19", f'"cut {LONE}"'), 1, 0),
    "half an emoji in an address": (news("P20", url=f'"http://example.com/{LONE}"'), 1, 0),
    "an article of the year one": (news("P21", published="00010101T000000"), 0, 1),
    "an article of the year 9999": (news("P22", published="99991231T235959"), 0, 1),
    "a split in the year one": (splits("P23", "0001-01-01"), 0, 1),
    "a split of 30 digits": (splits("P24", factor="9" * 30), 0, 1),
    "half an emoji as a date": (splits("P25", "\ud83d"), 0, 1),
    "a listing in Latin-1, with a NUL, with a cell of 200,000 characters": (
        listing(
            b"P26,Nestl\xe9,NYSE,Stock,2010-01-01,null,Active",
            b"P2\x006,N,NYSE,Stock,2010-01-01,null,Active",
            b'P26B,"' + b"x" * 200_000 + b'",NYSE,Stock,2010-01-01,null,Active',
            b"P26C,N,NYSE,Stock,0001-01-01,null,Active",
        ),
        2,
        2,
    ),
    "milliseconds for seconds": (chart("P27", "1282311000000"), 0, 1),
    "seconds of 18 digits": (chart("P28", "999999999999999999"), 0, 1),
    "seconds of the year 9999": (chart("P29", "253402300799"), 0, 1),
    "seconds of the year one": (chart("P30", "-62135596800"), 0, 1),
    "half an emoji in a chart's name": (chart("P31", longName=f'"A{LONE}"'), 1, 0),
    "half an emoji as an interval": (chart("P32", dataGranularity=f'"{LONE}"'), 0, 1),
    "a price that is two numbers": (chart("P33", price='"1.2.3e5"'), 0, 1),
    "an exponent of nine digits": (chart("P34", price="1e999999999"), 0, 1),
    "an exponent of twenty digits": (chart("P35", price="1e99999999999999999999"), 0, 1),
    "a price that is an object": (chart("P36", price='{"raw":1}'), 0, 1),
    "a time zone of /etc/passwd": (chart("P37", exchangeTimezoneName='"/etc/passwd"'), 0, 1),
    "a time zone with a NUL": (
        chart("P38", exchangeTimezoneName='"a\\u0000b"', instrumentType='"CURRENCY"', gmtoffset="1e400"),
        0,
        1,
    ),
    "milliseconds of 18 digits": (prices("P40-USD", "999999999999999999"), 3, 1),
    "an infinite time": (prices("P41-USD", "1e400"), 3, 1),
    "a price of a billion digits": (prices("P42-USD", price="1e999999999"), 3, 1),
    "a text for a time": (prices("P43-USD", f'"x{LONE}"'), 3, 1),
    "more keys than are read": (many_keys("P44", 200_000), 0, 1),
    "a key twice, one of them empty": (
        changed(daily("P45", BARS), b'"Time Series (Daily)"', b'"Time Series (Daily)": {}, "x"'),
        0,
        1,
    ),
    "brackets 900 deep": (changed(daily("P46", BARS), b"{", b'{"x":' + b"[" * 900 + b"]" * 900 + b","), 0, 1),
    "nothing": (payload(dataset="daily", symbol="P47", interval="1day", fetched_at=T0, body=b"{"), 0, 1),
}


def neighbours() -> list[Row]:
    """Sound payloads of every kind, which no poison may keep from being published."""
    return [
        daily("GOOD", BARS),
        csv_bars("GOODCSV", b"2010-08-19,10,11,9,10,100", b"2010-08-20,10,11,9,10,100"),
        intraday("GOOD", {"2010-08-20 12:00:00": bar()}),
        overview("GOOD", EPS="2"),
        news("GOOD"),
        splits("GOOD"),
        chart("GOOD"),
        prices("GOOD-USD"),
    ]


# --- random mutations


def _flipped_bits(choose: random.Random, body: bytes) -> bytes:
    changed_body = bytearray(body)
    for _ in range(choose.randint(1, 8)):
        changed_body[choose.randrange(len(body))] ^= 1 << choose.randrange(8)
    return bytes(changed_body)


def _truncated(choose: random.Random, body: bytes) -> bytes:
    return body[: choose.randrange(len(body))]


def _other_encoding(choose: random.Random, body: bytes) -> bytes:
    text = body.decode("utf-8", errors="replace")
    return text.encode(choose.choice(("utf-16", "utf-16-be", "utf-32", "utf-8-sig", "utf-7")))


def _inserted(choose: random.Random, body: bytes) -> bytes:
    at = choose.randrange(len(body))
    what = choose.choice((b"\x00", b"\xff", b"\xed\xa0\x80", b"\\ud83d", b'"', b"\n", b",", b"{", b"]", b"'"))
    return body[:at] + what + body[at:]


def _other_number(choose: random.Random, body: bytes) -> bytes:
    """One digit run becomes another kind of value."""
    at = choose.randrange(len(body))
    end = at
    while end < len(body) and body[end : end + 1].isdigit():
        end += 1
    values = (b"NaN", b"1e400", b"-1", b"9" * 50, b"null", b"true", b"{}", b"[]", b'"x"', b"1.2.3", b"0")
    return body[:at] + choose.choice(values) + body[end:]


def _moved_date(choose: random.Random, body: bytes) -> bytes:
    year = choose.choice((b"0001", b"9999", b"1500", b"2263", b"2199", b"1900", b"20100"))
    return body.replace(b"2010-", year + b"-", choose.randint(1, 3)).replace(b"12823", b"12823999")


def _doubled(choose: random.Random, body: bytes) -> bytes:
    start, end = sorted(choose.randrange(len(body)) for _ in range(2))
    return body[:end] + body[start:]


MUTATIONS: tuple[Mutation, ...] = (
    _flipped_bits,
    _truncated,
    _other_encoding,
    _inserted,
    _other_number,
    _moved_date,
    _doubled,
)


def mutants(count: int, seed: int, fetched_at: datetime = T0) -> Iterator[Row]:
    """Random mutations of sound payloads, each under a symbol of its own."""
    choose = random.Random(seed)
    for number in range(count):
        row = choose.choice(neighbours())
        symbol = f"M{number}" + ("-USD" if row["provider"] == "coingecko" else "")
        body = row["body"].replace(row["symbol"].encode(), symbol.encode())
        for _ in range(choose.randint(1, 3)):
            body = choose.choice(MUTATIONS)(choose, body) or b"x"
        yield payload(**{**row, "symbol": symbol, "body": body, "fetched_at": fetched_at})
