"""Gold from several providers: where their bars of one market disagree."""

from pyspark.sql.types import (
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from delta_tables.table import Table, column
from delta_tables.tables.gold_ticks import MEASURE

RELATIVE = DecimalType(18, 6)
TOLERANCE = DecimalType(9, 4)


def _known(name: str, kind: DataType, comment: str) -> StructField:
    return column(name, kind, comment, is_nullable=True)


BAR_BREAKS = Table(
    layer="gold",
    name="bar_breaks",
    description="Where two providers' current bars differ by more than the tolerance; agreement has no row.",
    schema=StructType(
        [
            column("symbol", StringType(), "symbol as in the watch list"),
            column("interval", StringType(), "interval of the bars"),
            column("timestamp", TimestampType(), "start of the bar, UTC; for 1day midnight at the exchange"),
            column("trade_dt", DateType(), "session date of the exchange"),
            column("session", StringType(), "pre, regular, post or 24x7"),
            column(
                "field", StringType(), "open, high, low, close or volume; bar where the whole bar is meant"
            ),
            column("provider_a", StringType(), "provider whose bar holds: first in provider_order"),
            column("provider_b", StringType(), "provider that it is compared with"),
            column("status", StringType(), "differs, missing (b has no such bar) or not_compared"),
            column(
                "basis", StringType(), "raw or split: what both values are; none where they cannot be both"
            ),
            _known("value_a", MEASURE, "value of a on the basis; null for a bar"),
            _known("value_b", MEASURE, "value of b on the basis; null for a bar"),
            _known("difference", MEASURE, "value_b - value_a"),
            _known(
                "relative_difference",
                RELATIVE,
                "|difference| / value_a, in `unit`; of value_b where that is 0",
            ),
            _known("unit", StringType(), "of relative_difference and tolerance: bp (prices) or % (volume)"),
            _known("tolerance", TOLERANCE, "largest relative difference that is no break"),
            column("payload_id_a", StringType(), "payload or file in Bronze that a's bar comes from"),
            _known("payload_id_b", StringType(), "the same of b; null where b has no such bar"),
            column(
                "is_simulated", BooleanType(), "true where the providers drew the bars; both did, or neither"
            ),
            column("run_id", StringType(), "run that last changed the row", is_lineage=True),
            column("partition_dt", DateType(), "layout: first day of trade_dt's year"),
        ]
    ),
    keys=("symbol", "interval", "timestamp", "field", "provider_a", "provider_b"),
    partition_by=("partition_dt",),
)

TABLES = (BAR_BREAKS,)
