"""Times of bars: the instant, the session date and the part of the session, from the raw time string."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from delta_tables.intervals import DAILY
from jobs.market_calendar.intervals import partition_dt
from jobs.market_calendar.sessions import ALWAYS_OPEN, FX, NEW_YORK, ZONE_OF
from jobs.parsing.values import CENTURIES

_TIME = rf"^{CENTURIES}\d{{2}}-\d{{2}}-\d{{2}}( \d{{2}}:\d{{2}}:\d{{2}})?$"
_EPOCH = r"^-?\d{1,19}$"
# Epochs of 1900 and 2200, in seconds: a larger number is stated in another unit.
_FIRST_EPOCH, _LAST_EPOCH = -2_208_988_800, 7_258_118_400
_UNITS_PER_SECOND = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_ns": 1_000_000_000}
# The FX week begins on Sunday at 17:00 New York (21:00 or 22:00 UTC); that evening belongs to Monday.
_WEEK_BEGINS_HOUR = 17
_SUNDAY = 1
# A session of futures begins at 17:00 Chicago on the evening before: hours from there to midnight.
_EVENING_HOURS = {"CMES": 7}


def with_instant(raw_df: DataFrame) -> DataFrame:
    """The bars with timestamp (start, UTC, microseconds; null if unreadable) and trade_dt (session date).

    A daily bar begins at midnight at its exchange, whichever instant of the day its provider states.

    Args:
        raw_df: calendar, clock, interval, kind and timestamp_text, see jobs.parsing.raw_schema.
    """
    instant_df = raw_df.withColumn("zone", _zone()).withColumn("instant", _instant())
    local_df = instant_df.withColumn("local", F.from_utc_timestamp("instant", F.col("zone")))
    dated_df = local_df.withColumn("trade_dt", _trade_dt())
    is_whole_day = (F.col("interval") == DAILY) & (F.col("kind") != "snapshot")
    midnight = F.to_utc_timestamp(F.col("trade_dt").cast("timestamp"), F.col("zone"))
    return dated_df.withColumn("timestamp", F.when(is_whole_day, midnight).otherwise(F.col("instant"))).drop(
        "zone", "instant", "local"
    )


def with_session(dated_df: DataFrame, sessions_df: DataFrame) -> DataFrame:
    """The bars with session (pre, regular, post, 24x7; null outside a session), partition_dt and the session.

    Args:
        dated_df: calendar, interval, timestamp and trade_dt.
        sessions_df: SESSIONS_SCHEMA of market_calendar.sessions; all of its columns are added, null if the
            exchange is closed on trade_dt.
    """
    joined_df = dated_df.join(F.broadcast(sessions_df), ["calendar", "trade_dt"], "left")
    return joined_df.withColumn("session", _session()).withColumn(
        "partition_dt", partition_dt(F.col("interval"), F.col("trade_dt"))
    )


def _zone() -> Column:
    """The calendar's time zone, by cases: in a map the embedded engine takes ten times as long."""
    zones = iter(ZONE_OF.items())
    name, zone = next(zones)
    named = F.when(F.col("calendar") == name, zone)
    for name, zone in zones:
        named = named.when(F.col("calendar") == name, zone)
    return named.otherwise("UTC")


def _instant() -> Column:
    text = F.col("timestamp_text")
    wall = F.when(text.rlike(_TIME), F.expr("try_cast(timestamp_text AS timestamp)"))
    instant = F.when(F.col("clock") == "utc", wall).when(
        F.col("clock") == "exchange", F.to_utc_timestamp(wall, F.col("zone"))
    )
    count = F.when(text.rlike(_EPOCH), F.expr("try_cast(timestamp_text AS bigint)"))
    for clock, units in _UNITS_PER_SECOND.items():
        is_epoch = count.between(_FIRST_EPOCH * units, _LAST_EPOCH * units)
        micros = F.when(is_epoch, _micros(count, units))
        instant = instant.when(F.col("clock") == clock, F.timestamp_micros(micros))
    return instant


def _micros(count: Column, units: int) -> Column:
    if units > 1_000_000:  # noqa: PLR2004 - finer than what a timestamp holds
        return F.expr(f"try_cast(timestamp_text AS bigint) div {units // 1_000_000}")
    return count * F.lit(1_000_000 // units)


def _trade_dt() -> Column:
    shifted = F.col("local")
    for calendar, hours in _EVENING_HOURS.items():
        evening = F.col("local") + F.expr(f"INTERVAL {hours} HOURS")
        shifted = F.when(F.col("calendar") == calendar, evening).otherwise(shifted)
    weekend = F.col("local") + F.expr("INTERVAL 1 DAY")
    shifted = F.when(_is_first_evening(), weekend).otherwise(shifted)
    return F.to_date(F.when(F.col("interval") == DAILY, F.col("local")).otherwise(shifted))


def _is_first_evening() -> Column:
    """Whether it is Sunday and the FX week has begun in New York."""
    in_new_york = F.from_utc_timestamp("instant", NEW_YORK.key)
    is_sunday = F.dayofweek("local") == _SUNDAY
    return (F.col("calendar") == FX) & is_sunday & (F.hour(in_new_york) >= _WEEK_BEGINS_HOUR)


def _session() -> Column:
    at = F.col("timestamp")
    return (
        F.when(F.col("session_no").isNull(), None)
        .when(F.col("calendar").isin(*ALWAYS_OPEN), "24x7")
        .when(F.col("interval") == DAILY, "regular")
        .when((at >= F.col("pre_open_at")) & (at < F.col("open_at")), "pre")
        .when((at >= F.col("open_at")) & (at < F.col("close_at")), "regular")
        # the closing print may carry the last instant of the extended hours
        .when((at >= F.col("close_at")) & (at <= F.col("post_close_at")), "post")
    )
