"""Gold from several providers: differences between their bars of one market."""

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
    description="Differences between current bars of two providers beyond the tolerance; equal bars: no row.",
    schema=StructType(
        [
            column("symbol", StringType(), "symbol as in the watch list"),
            column("interval", StringType(), "interval of the bars"),
            column("timestamp", TimestampType(), "start of the bar, UTC; for 1day midnight at the exchange"),
            column("trade_dt", DateType(), "session date of the exchange"),
            column("session", StringType(), "pre, regular, post or 24x7"),
            column("field", StringType(), "open, high, low, close, volume, or bar for the whole bar"),
            column("provider_a", StringType(), "preferred provider: the first in provider_order"),
            column("provider_b", StringType(), "provider compared with provider_a"),
            column("status", StringType(), "differs, missing (provider_b has no such bar) or not_compared"),
            column(
                "basis",
                StringType(),
                "raw or split: adjustment of both values; none if they cannot be compared",
            ),
            _known("value_a", MEASURE, "value of provider_a, adjusted as in basis; null for a bar"),
            _known("value_b", MEASURE, "value of provider_b, adjusted as in basis; null for a bar"),
            _known("difference", MEASURE, "value_b - value_a"),
            _known(
                "relative_difference",
                RELATIVE,
                "|difference| / value_a, in `unit`; / value_b if value_a is 0",
            ),
            _known(
                "unit", StringType(), "unit of relative_difference and tolerance: bp (prices) or % (volume)"
            ),
            _known("tolerance", TOLERANCE, "largest relative difference that is not a break"),
            column("payload_id_a", StringType(), "source payload or file of provider_a's bar in Bronze"),
            _known(
                "payload_id_b", StringType(), "source payload or file of provider_b's bar; null if missing"
            ),
            column("is_simulated", BooleanType(), "true if both bars are simulated; they are never mixed"),
            column("run_id", StringType(), "run that last changed the row", is_lineage=True),
            column("partition_dt", DateType(), "partition: first day of the year of trade_dt"),
        ]
    ),
    keys=("symbol", "interval", "timestamp", "field", "provider_a", "provider_b"),
    partition_by=("partition_dt",),
)

TABLES = (BAR_BREAKS,)
