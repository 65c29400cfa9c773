"""Silver trades: validation of the rows of a trades_v1 file."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from delta_tables.tables.column_types import PRICE, SIZE
from delta_tables.views.tick_views import CANCELLED
from jobs.parsing.flat_files import COLUMNS_OF, TRADES, FlatFile
from jobs.silver import trade_conditions
from jobs.silver.rules import failed_rules, quoted_raw_values
from jobs.silver.tick_rules import (
    TickDay,
    shared_tick_rules,
    to_exact_decimal,
    to_integer,
    with_tick_columns,
)

# Enough to find the line in the file again.
_POSITION = ("ticker", "sequence_number", "exchange", "id")


def validated_trades(
    staged_df: DataFrame, file: FlatFile, day: TickDay, earlier_sip_ns: int | None = None
) -> DataFrame:
    """The staged trades with the columns of silver.trades and the rules that each trade fails.

    An empty correction or trf_id becomes 0. The rules of conditions: jobs.silver.trade_conditions.

    Args:
        staged_df: rows of tick_rules.with_batch_columns.
        file: the file that the rows are from.
        day: the file's day.
        earlier_sip_ns: the latest SIP time of an earlier batch of the symbol, nanoseconds since 1970.

    Returns:
        The raw columns, the columns of tick_rules.with_tick_columns, position (ticker/sequence/exchange/id),
        sequence_number, trade_id, exchange, tape, trf_id, price (quote currency), size (shares), conditions,
        correction, is_cancelled, is_odd_lot, updates_open_close, updates_high_low, updates_volume,
        reasons (array of the failed rules' names, sorted, empty for a valid trade),
        raw_values (the strings as received, JSON; null for a valid trade).
    """
    shared_df = with_tick_columns(staged_df, file, day, earlier_sip_ns).withColumn(
        "position", F.concat_ws("/", *(F.coalesce(name, F.lit("")) for name in _POSITION))
    )
    validated_df = shared_df.withColumn("reasons", failed_rules(_rules(day)))
    raw_values = F.when(F.size("reasons") > 0, quoted_raw_values(COLUMNS_OF[TRADES]))
    return validated_df.withColumn("raw_values", raw_values).withColumns(_values())


def _values() -> dict[str, Column]:
    conditions, correction = F.col("conditions"), _zero_if_empty("correction")
    return {
        "sequence_number": F.col("sequence"),
        "trade_id": F.col("id"),
        "exchange": to_integer("exchange", "int"),
        "tape": to_integer("tape", "int"),
        "trf_id": _zero_if_empty("trf_id"),
        "price": to_exact_decimal("price", PRICE),
        "size": to_exact_decimal("size", SIZE),
        "correction": correction,
        "is_cancelled": correction.isin(*CANCELLED),
        "is_odd_lot": trade_conditions.is_odd_lot(conditions),
        "updates_open_close": trade_conditions.updates_open_close(conditions),
        "updates_high_low": trade_conditions.updates_high_low(conditions),
        "updates_volume": trade_conditions.updates_volume(conditions),
    }


def _rules(day: TickDay) -> dict[str, Column]:
    """Conditions that are true for an invalid trade, by the name of the rule."""
    price, size = to_exact_decimal("price", PRICE), to_exact_decimal("size", SIZE)
    unreadable = price.isNull() | size.isNull()
    for name in ("exchange", "tape"):
        unreadable |= to_integer(name, "int").isNull()
    for name in ("correction", "trf_id"):
        unreadable |= _zero_if_empty(name).isNull()
    return {
        **shared_tick_rules(day),
        "missing_id": F.col("id").isNull(),
        "missing_sequence": F.col("sequence").isNull(),
        "negative_size": size < 0,
        "not_positive_price": price <= 0,
        "unreadable_conditions": trade_conditions.is_unreadable(F.col("conditions")),
        "unreadable_number": unreadable,
    }


def _zero_if_empty(name: str) -> Column:
    return F.when(F.col(name).isNull(), F.lit(0)).otherwise(to_integer(name, "int"))
