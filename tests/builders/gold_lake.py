"""A lake whose Gold has some hundred rows, published twice: a correction came in between."""

from pyspark.sql import SparkSession

from delta_tables.storage.lake import Lake
from tests.builders.lakes import build_lake, land_rows
from tests.builders.payloads import DAYS, at, bar, daily, overview

SYMBOLS = ("AAPL", "MSFT", *(f"S{number:03}" for number in range(38)))
CORRECTED = ("10.6", "10.7")  # AAPL's last close as it was first published, and since the correction
# what docs/sql.md asks: the last three sessions of AAPL, their number, and the volume of all of them
ANSWER = [
    ("2010-08-20", "10.7", "1.904762", "7", "7021"),
    ("2010-08-19", "10.5", "0.961538", "7", "7021"),
    ("2010-08-18", "10.4", "0.970874", "7", "7021"),
]


def fill(spark: SparkSession, lake: Lake) -> Lake:
    """The lake, filled."""
    land_rows(lake, [overview("AAPL"), *(daily(symbol, _bars()) for symbol in SYMBOLS)])
    build_lake(spark, lake)
    corrected = {DAYS[-1]: bar(CORRECTED[1], "1006")}
    land_rows(lake, [daily("AAPL", corrected, at(3))])
    build_lake(spark, lake)
    return lake


def _bars() -> dict[str, tuple[str, str, str, str, str]]:
    return {day: bar(f"{10 + number / 10}", f"{1000 + number}") for number, day in enumerate(DAYS)}
