"""Division and rounding, the same on both engines."""

from decimal import Decimal

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.gold.daily_kpis import half_up, ratio

TIES = [
    (0.0078125, "0.007813"),  # a tie that a double holds exactly
    (-0.0078125, "-0.007812"),
    (0.0640625, "0.064062"),  # a double a little below its name
    (1.0, "1.000000"),
    (0.1 + 0.2, "0.300000"),
    (-99.9999994, "-99.999999"),
    (123456789.1234565, "123456789.123457"),
]


def test_a_tie_goes_up_whatever_the_engine(engine: SparkSession) -> None:
    frame_df = engine.createDataFrame([(value,) for value, _ in TIES], "value double")
    rows = frame_df.select("value", half_up(F.col("value")).alias("price")).collect()
    assert {row["value"]: row["price"] for row in rows} == {
        value: Decimal(expected) for value, expected in TIES
    }


def test_nothing_is_divided_by_zero_or_null(engine: SparkSession) -> None:
    rows = [(Decimal(1), Decimal(0)), (Decimal(1), None), (None, Decimal(1)), (Decimal(2), Decimal(3))]
    frame_df = engine.createDataFrame(rows, "above decimal(18,6), below decimal(18,6)")
    found = frame_df.select(ratio(F.col("above"), F.col("below")).alias("price")).collect()
    assert [row["price"] for row in found] == [None, None, None, Decimal("0.666667")]
