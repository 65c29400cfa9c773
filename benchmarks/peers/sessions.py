"""The sessions of the New York exchange, as the peers read them from exchange_calendars."""

import exchange_calendars
import polars as pl

from jobs.market_calendar.sessions import FIRST_SESSION

_FULL_MINUTES = 390


def new_york_sessions() -> pl.DataFrame:
    """session_no, trade_dt, opened, closed (UTC, microseconds) and is_half_day of each session since 1990.

    benchmarks.cases has had the calendar computed when the clock starts, for every contestant.
    """
    schedule = exchange_calendars.get_calendar("XNYS", start=FIRST_SESSION).schedule
    frame = pl.DataFrame(
        {
            "trade_dt": schedule.index.to_numpy(),
            "opened": schedule["open"].dt.tz_convert(None).to_numpy(),
            "closed": schedule["close"].dt.tz_convert(None).to_numpy(),
        }
    )
    minutes = (pl.col("closed") - pl.col("opened")).dt.total_minutes()
    return frame.with_row_index("session_no").with_columns(
        pl.col("session_no").cast(pl.Int64),
        pl.col("trade_dt").cast(pl.Date),
        pl.col("opened", "closed").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        (minutes < _FULL_MINUTES).alias("is_half_day"),
    )
