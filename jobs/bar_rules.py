"""What makes a bar usable: the rules, and the conversion of its texts to values."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from delta_tables.column_kinds import PRICE, SIZE
from jobs.intervals import DAILY, partition_dt

_TIME = r"^\d{4}-\d{2}-\d{2}( \d{2}:\d{2}:\d{2})?$"
_ZONE_OF = {"stock": "America/New_York", "fx": "UTC"}
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)$"  # no exponents: the engines read 1e5 differently
_NEW_YORK_NAMES = ("US/Eastern", "America/New_York")
_PRICES = ("open", "high", "low", "close")
_VALUES = (*_PRICES, "volume")


def judge_bars(raw_bars_df: DataFrame, sessions_df: DataFrame) -> DataFrame:
    """Raw bars with typed values, session columns and `reasons`: the rules broken, sorted; else empty.

    Adds timestamp (UTC), trade_dt, session, open, high, low, close, volume, partition_dt, raw_values.
    Naive times are read in the exchange's zone, never in this machine's.
    """
    typed_df = _with_session(_with_values(raw_bars_df), sessions_df)
    return typed_df.withColumn("reasons", _reasons())


def _with_values(raw_bars_df: DataFrame) -> DataFrame:
    is_time = F.col("timestamp_text").rlike(_TIME)
    frame_df = raw_bars_df.withColumn(
        "wall_time", F.when(is_time, F.expr("try_cast(timestamp_text AS timestamp)"))
    )
    for name in _VALUES:
        kind = (SIZE if name == "volume" else PRICE).simpleString()
        number = F.expr(f"try_cast({name}_text AS {kind})")
        frame_df = frame_df.withColumn(name, F.when(F.col(f"{name}_text").rlike(_NUMBER), number))
    return frame_df.withColumn("raw_values", _raw_values())


def _with_session(frame_df: DataFrame, sessions_df: DataFrame) -> DataFrame:
    local_df = frame_df.withColumn("trade_dt", F.to_date("wall_time")).withColumn("timestamp", _utc())
    joined_df = local_df.join(F.broadcast(sessions_df), ["asset_class", "trade_dt"], "left")
    return joined_df.withColumn("session", _session()).withColumn(
        "partition_dt", partition_dt(F.col("interval"), F.col("trade_dt"))
    )


def _utc() -> Column:
    wall = F.col("wall_time")
    return F.when(F.col("asset_class") == "fx", wall).otherwise(F.to_utc_timestamp(wall, _ZONE_OF["stock"]))


def _session() -> Column:
    at = F.col("timestamp")
    return (
        F.when(F.col("asset_class") == "fx", "24x7")
        .when(F.col("interval") == DAILY, "regular")
        .when((at >= F.col("pre_open_at")) & (at < F.col("open_at")), "pre")
        .when((at >= F.col("open_at")) & (at < F.col("close_at")), "regular")
        # the closing print may carry the last instant of the extended hours
        .when((at >= F.col("close_at")) & (at <= F.col("post_close_at")), "post")
    )


def _rules() -> dict[str, Column]:
    prices = [F.col(name) for name in _PRICES]
    readable = [F.col(name).isNotNull() for name in _PRICES]
    volume_unreadable = F.col("volume_text").isNotNull() & F.col("volume").isNull()
    volume_missing = F.col("volume_text").isNull() & (F.col("asset_class") == "stock")
    all_readable = F.lit(True)
    for is_readable in readable:
        all_readable &= is_readable
    has_session = F.col("session_no").isNotNull()
    return {
        "high_not_highest": F.col("high") < F.greatest(*prices),
        "low_not_lowest": F.col("low") > F.least(*prices),
        "negative_volume": F.col("volume") < 0,
        "no_rows": F.col("timestamp_text").isNull(),
        "not_a_session": F.col("wall_time").isNotNull() & ~has_session,
        "not_positive_price": F.least(*prices) <= 0,
        "other_symbol": F.upper("symbol_text") != F.upper("symbol"),
        "other_zone": F.when(F.col("asset_class") == "fx", F.col("zone_text") != "UTC").otherwise(
            ~F.col("zone_text").isin(*_NEW_YORK_NAMES)
        ),
        "outside_session": has_session & F.col("session").isNull(),
        "time_in_future": F.col("timestamp") > F.col("fetched_at"),
        "unreadable_number": ~all_readable | volume_unreadable | volume_missing,
        "unreadable_time": F.col("timestamp_text").isNotNull() & F.col("wall_time").isNull(),
    }


def _reasons() -> Column:
    broken = [F.when(F.coalesce(rule, F.lit(False)), F.lit(name)) for name, rule in _rules().items()]
    return F.filter(F.array(*broken), lambda name: name.isNotNull())


def _raw_values() -> Column:
    texts = ["timestamp_text", *(f"{name}_text" for name in _VALUES)]
    quoted = [
        F.concat(F.lit('"'), F.regexp_replace(F.coalesce(text, F.lit("")), '(["\\\\])', "\\\\$1"), F.lit('"'))
        for text in texts
    ]
    return F.concat(F.lit("["), F.concat_ws(",", *quoted), F.lit("]"))
