"""The daily history by delta-rs and Polars: no gates, no history, bad rows left out."""

import json
from collections.abc import Generator, Mapping
from pathlib import Path

import polars as pl
import pyarrow as pa

from benchmarks.peers.daily_columns import ANSWER, BARS, KPIS, OVERVIEW, SIGNALS
from benchmarks.peers.sessions import new_york_sessions

_PRICES = ("open", "high", "low", "close")
_WINDOW = 20


def run(inputs: Path, folder: Path) -> Generator[None]:
    """Payloads to three Delta tables."""
    yield
    payloads = pl.read_delta(
        str(inputs / "lake/bronze/raw_payloads"), columns=["symbol", "payload_id", "body"]
    )
    sessions = new_york_sessions()
    bars = usable_bars(texts_of(payloads, "Time Series (Daily)"), sessions)
    write(folder, BARS, bars)
    days = with_figures(bars.join(sessions, on="trade_dt"))
    write(folder, KPIS, days.select(ANSWER[KPIS]))
    signals = signals_of(days)
    write(folder, SIGNALS, signals)
    write(folder, OVERVIEW, overview_of(days, signals))
    yield


def texts_of(payloads: pl.DataFrame, title: str) -> pl.DataFrame:
    """The bars in the bodies, as text, `day` their time; `payloads` has symbol, payload_id, body in order."""
    columns: dict[str, list[str]] = {name: [] for name in ("symbol", "payload_id", "day", *_PRICES, "volume")}
    for symbol, payload_id, body in payloads.iter_rows():
        series = json.loads(body)[title]
        columns["symbol"] += [symbol] * len(series)
        columns["payload_id"] += [payload_id] * len(series)
        columns["day"] += series
        for number, name in enumerate((*_PRICES, "volume"), start=1):
            key = f"{number}. {name}"
            columns[name] += [bar[key] for bar in series.values()]
    return pl.DataFrame(columns)


def usable_bars(texts: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """Typed bars of sessions whose prices are in order."""
    midnight = pl.col("trade_dt").cast(pl.Datetime("us")).dt.replace_time_zone("America/New_York")
    typed = texts.lazy().select(
        "symbol",
        "payload_id",
        pl.col("day").str.to_date("%Y-%m-%d").alias("trade_dt"),
        *(pl.col(name).cast(pl.Decimal(24, 12)) for name in _PRICES),
        pl.col("volume").cast(pl.Decimal(28, 8)),
    )
    is_usable = (
        (pl.col("low") > 0)
        & (pl.col("high") >= pl.max_horizontal("open", "low", "close"))
        & (pl.col("low") <= pl.min_horizontal("open", "high", "close"))
    )
    return (
        typed.filter(is_usable)
        .join(sessions.lazy().select("trade_dt"), on="trade_dt", how="semi")
        .unique(["symbol", "trade_dt"], keep="last", maintain_order=True)
        .with_columns(
            midnight.dt.convert_time_zone("UTC").alias("timestamp"), pl.lit("regular").alias("session")
        )
        .collect()
    )


def with_figures(days: pl.DataFrame) -> pl.DataFrame:
    """The key figures and the windows over a symbol's sessions."""
    numbers = pl.col(*_PRICES, "volume").cast(pl.Float64)
    typical = ((pl.col("high") + pl.col("low") + pl.col("close")) / 3).round(6)
    floats = days.sort("symbol", "session_no").with_columns(numbers)
    before = pl.when(pl.col("session_no").diff().over("symbol") <= _WINDOW).then(
        pl.col("close").shift(1).over("symbol")
    )
    changed = floats.with_columns(
        typical.alias("average_price"),
        pl.when(pl.col("volume") > 0).then(typical).alias("vwap"),
        (pl.col("close") - before).round(6).alias("price_change"),
        ((pl.col("close") - before) * 100 / before).round(6).alias("price_change_pct"),
        pl.when(~pl.col("is_half_day")).then("volume").alias("full_volume"),
    )
    month = f"{_WINDOW}i"
    returns = pl.col("price_change_pct").is_not_null().cast(pl.Int32).rolling_sum_by("session_no", month)
    deviation = pl.col("price_change_pct").rolling_std_by("session_no", month, min_samples=5) * 252**0.5
    mean = pl.col("full_volume").rolling_mean_by("session_no", month, closed="left").over("symbol")
    spike = (pl.col("volume") / pl.when(mean > 0).then(mean) - 1) * 100
    return changed.with_columns(
        pl.col("close").rolling_mean_by("session_no", "7i").over("symbol").round(6).alias("7d_avg"),
        pl.when(returns.over("symbol") >= 5)
        .then(deviation.over("symbol"))
        .round(6)
        .alias("volatility_score"),
        pl.when(~pl.col("is_half_day")).then(spike).round(6).alias("volume_spike_pct"),
    )


def signals_of(days: pl.DataFrame) -> pl.DataFrame:
    """Both signals' verdicts, with their reasons; nothing is known of earnings."""
    spike = pl.col("volume_spike_pct")
    side = pl.when(spike < 0).then(pl.lit("% below")).otherwise(pl.lit("% above"))
    reason = (
        pl.when("is_half_day")
        .then(pl.lit("half day: volume is not compared"))
        .when(spike.is_null())
        .then(pl.lit("no full session before to compare with"))
        .otherwise(
            pl.format(
                "volume is {}{} the mean of the last {} sessions", spike.abs().round(1), side, pl.lit(_WINDOW)
            )
        )
    )
    volume = days.select(
        *("symbol", "trade_dt"),
        pl.lit("Volume Spike % Alert").alias("signal"),
        spike.alias("value"),
        pl.lit(100.0).alias("threshold"),
        (spike >= 100).fill_null(value=False).alias("is_triggered"),
        reason.alias("reason"),
    )
    earnings = days.select(
        *("symbol", "trade_dt"),
        pl.lit("P/E Ratio Alert").alias("signal"),
        pl.lit(None, pl.Float64).alias("value"),
        pl.lit(40.0).alias("threshold"),
        pl.lit(value=False).alias("is_triggered"),
        pl.lit("no earnings were known at the session's end").alias("reason"),
    )
    return pl.concat([volume, earnings])


def overview_of(days: pl.DataFrame, signals: pl.DataFrame) -> pl.DataFrame:
    """The wide rows."""
    triggered = signals.filter("is_triggered").group_by("symbol", "trade_dt")
    names = triggered.agg(pl.col("signal").sort().str.join(", ").alias("triggered_signals"))
    wide = days.join(names, on=["symbol", "trade_dt"], how="left")
    return wide.with_columns(pl.col("triggered_signals").fill_null("")).select(ANSWER[OVERVIEW])


def write(folder: Path, name: str, frame: pl.DataFrame) -> None:
    """A new Delta table, partitioned by year as the lakehouse's."""
    dated = frame.with_columns(pl.col("trade_dt").dt.truncate("1y").alias("partition_dt"))
    dated.write_delta(str(folder / name), delta_write_options={"partition_by": ["partition_dt"]})


def answer(folder: Path) -> Mapping[str, pa.Table]:
    """The tables that all contestants have."""
    return {name: pl.read_delta(str(folder / name)).select(ANSWER[name]).to_arrow() for name in ANSWER}
