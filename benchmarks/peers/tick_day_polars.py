"""A day's ticks by delta-rs and Polars: no gates, no history, bad rows left out."""

from collections.abc import Generator, Mapping, Sequence
from datetime import datetime, time
from pathlib import Path

import polars as pl
import pyarrow as pa

from benchmarks.digests import digests
from benchmarks.peers.sessions import new_york_sessions
from benchmarks.peers.tick_day_columns import (
    CANCELLED,
    COUNTS,
    DAY,
    EXTENDED_HOURS,
    FEATURES,
    MARKS,
    MINUTES,
    NEW_YORK,
    NOT_HAPPENED,
    QUOTE_KEYS,
    QUOTES,
    TRADE_KEYS,
    TRADES,
)

_PRICE, _SIZE = pl.Decimal(18, 6), pl.Decimal(20, 6)
_TICK: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "ticker": pl.String,
    "conditions": pl.String,
    **dict.fromkeys(("participant_timestamp", "sip_timestamp", "trf_timestamp", "sequence_number"), pl.Int64),
    "tape": pl.Int32,
}
_TRADE = {
    **_TICK,
    "id": pl.String,
    **dict.fromkeys(("correction", "exchange", "trf_id"), pl.Int32),
    "price": _PRICE,
    "size": _SIZE,
}
_QUOTE = {
    **_TICK,
    "indicators": pl.String,
    **dict.fromkeys(("ask_exchange", "bid_exchange"), pl.Int32),
    **dict.fromkeys(("ask_price", "bid_price"), _PRICE),
    **dict.fromkeys(("ask_size", "bid_size"), _SIZE),
}
_MINUTE = ("symbol", "trade_dt", "timestamp")
_IN_ORDER = ("sip_timestamp_ns", "sequence_number")


def run(inputs: Path, folder: Path) -> Generator[None]:
    """Files to three Delta tables partitioned by day."""
    yield
    landing = inputs / "lake/landing"
    phase = session_of(new_york_sessions().filter(pl.col("trade_dt") == DAY))
    trades = usable_trades(pl.scan_csv(landing / "trades_v1.csv.gz", schema_overrides=_TRADE), phase)
    write(folder, "trades", trades)
    trade_minutes = minutes_of_trades(trades)
    del trades  # a day of quotes needs the room
    quotes = usable_quotes(pl.scan_csv(landing / "quotes_v1.csv.gz", schema_overrides=_QUOTE), phase)
    write(folder, "quotes", quotes)
    write(folder, "tick_features", features(trade_minutes, minutes_of_quotes(quotes)))
    yield


def session_of(sessions: pl.DataFrame) -> pl.Expr:
    """The part of the session in which a tick's SIP time lies."""
    opened, closed = sessions.select(pl.col("opened", "closed").dt.epoch("ns")).row(0)
    first, end = (
        int(datetime.combine(DAY, time(hour), NEW_YORK).timestamp()) * 1_000_000_000
        for hour in EXTENDED_HOURS
    )
    at = pl.col("sip_timestamp")
    marks = ((first, "closed"), (opened, "pre"), (closed, "regular"), (end, "post"))
    phase = pl.lit("closed")
    for mark, name in reversed(marks):
        phase = pl.when(at < mark).then(pl.lit(name)).otherwise(phase)
    return phase


def ticks(rows: pl.LazyFrame, phase: pl.Expr) -> pl.LazyFrame:
    """The rows in order, with what trades and quotes share."""
    latest = pl.col("sip_timestamp").cum_max().shift(1).over("ticker")
    trf = pl.col("trf_timestamp")
    return rows.sort("ticker", "sequence_number", "sip_timestamp").with_columns(
        pl.col("ticker").alias("symbol"),
        pl.lit(DAY).alias("trade_dt"),
        (pl.col("sip_timestamp") // 1000).cast(pl.Datetime("us", "UTC")).alias("timestamp"),
        pl.col("sip_timestamp").alias("sip_timestamp_ns"),
        pl.col("participant_timestamp").alias("participant_timestamp_ns"),
        pl.when(trf != 0).then(trf).alias("trf_timestamp_ns"),
        phase.alias("session"),
        (pl.col("sip_timestamp") < latest).fill_null(value=False).alias("is_out_of_order"),
    )


def usable_trades(rows: pl.LazyFrame, phase: pl.Expr) -> pl.DataFrame:
    """Typed trades with a price and a size, once each."""
    conditions = pl.col("conditions").fill_null("")
    counts = {
        name: ~pl.any_horizontal(conditions.str.contains(each) for each in patterns)
        for name, patterns in COUNTS.items()
    }
    marks = {name: conditions.str.contains(pattern) for name, pattern in MARKS.items()}
    return (
        ticks(rows, phase)
        .filter((pl.col("price") > 0) & (pl.col("size") >= 0))
        .with_columns(
            pl.col("id").alias("trade_id"),
            pl.col("correction").is_in(CANCELLED).alias("is_cancelled"),
            **counts,
            **marks,
        )
        .unique(TRADE_KEYS, keep="any")
        .select(TRADES)
        .collect()
    )


def usable_quotes(rows: pl.LazyFrame, phase: pl.Expr) -> pl.DataFrame:
    """Typed quotes, once each; a price of 0 is none."""
    prices = (pl.when(pl.col(name) != 0).then(pl.col(name)) for name in ("bid_price", "ask_price"))
    bid, ask = pl.col("bid_price"), pl.col("ask_price")
    is_usable = pl.all_horizontal(pl.col("bid_price", "bid_size", "ask_price", "ask_size") >= 0)
    return (
        ticks(rows, phase)
        .filter(is_usable)
        .with_columns(*prices, pl.lit("round_lot").alias("size_unit"))
        .with_columns(
            (bid.is_null() | ask.is_null()).alias("is_one_sided"),
            (bid > ask).fill_null(value=False).alias("is_crossed"),
            (bid == ask).fill_null(value=False).alias("is_locked"),
        )
        .unique(QUOTE_KEYS, keep="any")
        .select(QUOTES)
        .collect()
    )


def minutes_of_trades(trades: pl.DataFrame) -> pl.DataFrame:
    """A row a symbol and minute with a trade that happened."""
    price = pl.col("price").filter("updates_open_close")
    return (
        trades.lazy()
        .filter(~pl.col("correction").is_in(NOT_HAPPENED))
        .select(*_MINUTE, *_IN_ORDER, "session", "price", "size", "updates_open_close", "updates_volume")
        .sort(_IN_ORDER)
        .group_by(*_MINUTE[:2], pl.col("timestamp").dt.truncate("1m"))
        .agg(
            pl.col("session").min(),
            price.last().cast(pl.Float64).alias("close"),
            pl.col("size").filter("updates_volume").sum().cast(pl.Float64).alias("volume"),
            pl.len().cast(pl.Int64).alias("trade_count"),
        )
        .collect()
    )


def minutes_of_quotes(quotes: pl.DataFrame) -> pl.DataFrame:
    """A row a symbol and minute with a quote: the last of two sides."""
    last = pl.col("bid_price", "ask_price").filter(~pl.col("is_one_sided")).last().cast(pl.Float64)
    bid, ask = pl.col("bid_price"), pl.col("ask_price")
    return (
        quotes.lazy()
        .select(*_MINUTE, *_IN_ORDER, "session", "bid_price", "ask_price", "is_one_sided")
        .sort(_IN_ORDER)
        .group_by(*_MINUTE[:2], pl.col("timestamp").dt.truncate("1m"))
        .agg(
            pl.col("session").min().alias("quote_session"), last, pl.len().cast(pl.Int64).alias("quote_count")
        )
        .with_columns(
            (ask - bid).round(6).alias("spread"),
            ((bid + ask) / 2).round(7).alias("mid_price"),
            ((ask - bid) * 200 / (bid + ask)).round(6).alias("spread_pct"),
        )
        .collect()
    )


def features(trade_minutes: pl.DataFrame, quote_minutes: pl.DataFrame) -> pl.DataFrame:
    """Each minute's figures; a minute without a tick counts as a volume of 0."""
    minute_no = pl.col("timestamp").dt.epoch("s") // 60
    has_history = pl.col("minute_no") - pl.col("minute_no").min().over("symbol") >= MINUTES
    total = pl.col("volume").rolling_sum_by("minute_no", f"{MINUTES}i", closed="left").over("symbol")
    before = pl.when(has_history).then(total.fill_null(0))
    growth = pl.col("close") / pl.col("close").forward_fill().shift(1).over("symbol")
    return (
        trade_minutes.join(quote_minutes, on=_MINUTE, how="full", coalesce=True)
        .with_columns(
            pl.coalesce("session", "quote_session").alias("session"),
            pl.col("volume", "quote_count", "trade_count").fill_null(0),
            minute_no.alias("minute_no"),
        )
        .sort("symbol", "minute_no")
        .with_columns(before.alias("before"), growth.alias("growth"))
        .with_columns(
            (pl.col("before") / MINUTES).round(6).alias("volume_avg_20"),
            (pl.col("volume") * MINUTES / pl.when(pl.col("before") != 0).then("before"))
            .round(6)
            .alias("volume_ratio_20"),
            (pl.col("growth") - 1).alias("return"),
            pl.col("growth").log().round(12).alias("log_return"),
        )
        .select(FEATURES)
    )


def write(folder: Path, name: str, frame: pl.DataFrame) -> None:
    """A new Delta table, partitioned by day."""
    frame.write_delta(str(folder / name), delta_write_options={"partition_by": ["trade_dt"]})


def answer(folder: Path) -> Mapping[str, pa.Table]:
    """A digest of the ticks, and the minutes' figures, of Delta tables."""
    names = ("trades", "quotes", "tick_features")
    return answer_of({name: pl.scan_delta(str(folder / name)) for name in names})


def answer_of(tables: Mapping[str, pl.LazyFrame]) -> Mapping[str, pa.Table]:
    """The same of tables read already."""
    columns: Mapping[str, Sequence[str]] = {"trades": TRADES, "quotes": QUOTES}
    found = {name: digests(tables[name], columns[name]) for name in columns}
    return {"tick_features": tables["tick_features"].select(FEATURES).collect().to_arrow(), **found}
