"""Validation of bars: the rules, and the casts of raw strings to values."""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from delta_tables.intervals import INTERVAL_MINUTES
from delta_tables.tables.column_types import BAR_PRICE, BAR_SIZE
from jobs.market_calendar.sessions import ZONE_OF
from jobs.parsing.values import NUMBER
from jobs.silver.bar_times import with_instant, with_session
from jobs.silver.rules import failed_rules, is_too_long_symbol, quoted_raw_values

# As in quality/checks/silver_bars.yml: a single row beyond them must not keep a batch from being published.
MAX_PRICE, MAX_VOLUME = 10**11, 10**13

_ALIASES = {"America/New_York": ("US/Eastern",)}
_PRICES = ("open", "high", "low", "close")
_VALUES = (*_PRICES, "volume")


def validate_bars(
    raw_bars_df: DataFrame, sessions_df: DataFrame, more_rules: Mapping[str, Column] | None = None
) -> DataFrame:
    """The raw bars with typed values, session columns and the rules that each bar fails.

    Naive times are read in the exchange's time zone, never in this machine's.

    Args:
        raw_bars_df: jobs.parsing.raw_schema.RAW_BAR_COLUMNS.
        sessions_df: sessions of the bars' calendars, as market_calendar.sessions.sessions_frame returns them.
        more_rules: further rules by name; each is a condition that is true for an invalid row.

    Returns:
        All columns of both frames, and
        timestamp (start of the bar, UTC; null if unreadable), trade_dt (session date of the exchange),
        session (pre, regular, post or 24x7; null outside a session), partition_dt,
        open, high, low, close (quote currency) and volume (units), null if unreadable,
        reasons (array of the failed rules' names, sorted, empty for a valid bar),
        raw_values (the strings as received, JSON; null for a valid bar).
    """
    typed_df = with_session(with_instant(_with_values(raw_bars_df)), sessions_df)
    validated_df = typed_df.withColumn("reasons", failed_rules({**_rules(), **(more_rules or {})}))
    raw_names = ("timestamp_text", *(f"{name}_text" for name in _VALUES))
    raw_values = F.when(F.size("reasons") > 0, quoted_raw_values(raw_names))
    return validated_df.withColumn("raw_values", raw_values)


def _with_values(raw_bars_df: DataFrame) -> DataFrame:
    frame_df = raw_bars_df
    for name in _VALUES:
        kind = (BAR_SIZE if name == "volume" else BAR_PRICE).simpleString()
        number = F.expr(f"try_cast({name}_text AS {kind})")
        frame_df = frame_df.withColumn(name, F.when(F.col(f"{name}_text").rlike(NUMBER), number))
    return frame_df


def _rules() -> dict[str, Column]:
    """Conditions that are true for an invalid bar, by the name of the rule."""
    prices = [F.col(name) for name in _PRICES]
    volume_unreadable = F.col("volume_text").isNotNull() & F.col("volume").isNull()
    is_traded_stock = (F.col("asset_class") == "stock") & (F.col("kind") == "candle")
    volume_missing = F.col("volume_text").isNull() & is_traded_stock
    all_readable = F.lit(True)
    for name in _PRICES:
        all_readable &= F.col(name).isNotNull()
    has_session = F.col("session_no").isNotNull()
    is_known_interval = F.col("interval").isin(*INTERVAL_MINUTES)
    return {
        "high_not_highest": F.col("high") < F.greatest(*prices),
        "low_not_lowest": F.col("low") > F.least(*prices),
        "negative_volume": F.col("volume") < 0,
        "no_asset_class": F.col("asset_class").isNull(),
        "no_calendar": ~F.coalesce(F.col("calendar").isin(*ZONE_OF), F.lit(False)),
        "no_rows": F.col("timestamp_text").isNull(),
        "not_a_session": F.col("timestamp").isNotNull() & ~has_session,
        "not_positive_price": F.least(*prices) <= 0,
        "number_out_of_range": (F.greatest(*prices) > MAX_PRICE) | (F.col("volume") > MAX_VOLUME),
        "other_symbol": F.upper("symbol_text") != F.upper("symbol"),
        "other_zone": F.col("zone_text").isNotNull() & ~_is_zone_of_calendar(),
        "outside_session": has_session & is_known_interval & F.col("session").isNull(),
        "partial_bar": F.col("kind") == "partial",
        "time_in_future": F.col("timestamp") > F.col("fetched_at"),
        "unknown_interval": ~F.coalesce(is_known_interval, F.lit(False)),
        "unreadable_number": ~all_readable | volume_unreadable | volume_missing,
        "unreadable_time": F.col("timestamp_text").isNotNull() & F.col("timestamp").isNull(),
        "symbol_too_long": is_too_long_symbol(),
    }


def _is_zone_of_calendar() -> Column:
    """Whether the payload states the time zone in which its times are read."""
    named = [
        f"{calendar} {name}" for calendar, zone in ZONE_OF.items() for name in (zone, *_ALIASES.get(zone, ()))
    ]
    is_exchanges = F.concat_ws(" ", "calendar", "zone_text").isin(*named)
    is_utc = F.col("zone_text") == "UTC"
    is_known = F.col("calendar").isin(*ZONE_OF)
    return F.when((F.col("clock") == "exchange") & is_known, is_exchanges).otherwise(is_utc)
