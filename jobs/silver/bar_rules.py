"""What makes a bar usable: the rules, and the conversion of its texts to values."""

from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from delta_tables.intervals import INTERVAL_MINUTES
from delta_tables.tables.column_types import BAR_PRICE, BAR_SIZE
from jobs.market_calendar.sessions import ZONE_OF
from jobs.silver.bar_times import with_instant, with_session

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)$"  # no exponents: the engines read 1e5 differently
_ALIASES = {"America/New_York": ("US/Eastern",)}
_PRICES = ("open", "high", "low", "close")
_VALUES = (*_PRICES, "volume")


def validate_bars(
    raw_bars_df: DataFrame, sessions_df: DataFrame, more_rules: Mapping[str, Column] | None = None
) -> DataFrame:
    """Raw bars with typed values, session columns and `reasons`: the rules broken, sorted; else empty.

    `raw_bars_df`: columns RAW_BAR_COLUMNS. Adds timestamp (UTC), trade_dt, session, open, high, low,
    close, volume, partition_dt, and raw_values of the rows that break a rule. Naive times are read in the
    exchange's zone, never in this machine's. `more_rules`: conditions that a row must not meet, either.
    """
    typed_df = with_session(with_instant(_with_values(raw_bars_df)), sessions_df)
    rules = dict(sorted({**_rules(), **(more_rules or {})}.items()))
    validated_df = typed_df.withColumn("reasons", broken_rules(rules))
    texts = ("timestamp_text", *(f"{name}_text" for name in _VALUES))
    return validated_df.withColumn("raw_values", F.when(F.size("reasons") > 0, quoted_texts(texts)))


def broken_rules(rules: dict[str, Column]) -> Column:
    """The names of the rules that hold for a row, in the order given; a rule that is null does not.

    By way of a text, since Apache Spark compiles no function that takes another one, nor what is inside it.
    """
    names = F.concat_ws(",", *(F.when(rule, F.lit(name)) for name, rule in rules.items()))
    none_broken = F.array().cast("array<string>")
    return F.when(names == "", none_broken).otherwise(F.split(names, ","))


def quoted_texts(names: Sequence[str]) -> Column:
    """A JSON list of the columns' texts, as received; nulls are empty."""
    quoted = [
        F.concat(F.lit('"'), F.regexp_replace(F.coalesce(name, F.lit("")), '(["\\\\])', "\\\\$1"), F.lit('"'))
        for name in names
    ]
    return F.concat(F.lit("["), F.concat_ws(",", *quoted), F.lit("]"))


def _with_values(raw_bars_df: DataFrame) -> DataFrame:
    frame_df = raw_bars_df
    for name in _VALUES:
        kind = (BAR_SIZE if name == "volume" else BAR_PRICE).simpleString()
        number = F.expr(f"try_cast({name}_text AS {kind})")
        frame_df = frame_df.withColumn(name, F.when(F.col(f"{name}_text").rlike(_NUMBER), number))
    return frame_df


def _rules() -> dict[str, Column]:
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
        "no_calendar": ~F.coalesce(F.col("calendar").isin(*ZONE_OF), F.lit(False)),
        "no_rows": F.col("timestamp_text").isNull(),
        "not_a_session": F.col("timestamp").isNotNull() & ~has_session,
        "not_positive_price": F.least(*prices) <= 0,
        "other_symbol": F.upper("symbol_text") != F.upper("symbol"),
        "other_zone": F.col("zone_text").isNotNull() & ~_is_zone_of_calendar(),
        "outside_session": has_session & is_known_interval & F.col("session").isNull(),
        "partial_bar": F.col("kind") == "partial",
        "time_in_future": F.col("timestamp") > F.col("fetched_at"),
        "unknown_interval": ~F.coalesce(is_known_interval, F.lit(False)),
        "unreadable_number": ~all_readable | volume_unreadable | volume_missing,
        "unreadable_time": F.col("timestamp_text").isNotNull() & F.col("timestamp").isNull(),
    }


def _is_zone_of_calendar() -> Column:
    """Whether the zone that the payload states is that of the clock its times are read by."""
    named = [
        f"{calendar} {name}" for calendar, zone in ZONE_OF.items() for name in (zone, *_ALIASES.get(zone, ()))
    ]
    is_exchanges = F.concat_ws(" ", "calendar", "zone_text").isin(*named)
    is_utc = F.col("zone_text") == "UTC"
    is_known = F.col("calendar").isin(*ZONE_OF)
    return F.when((F.col("clock") == "exchange") & is_known, is_exchanges).otherwise(is_utc)
