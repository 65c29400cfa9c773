"""A question in a fresh process, from the command to the answer on the screen."""

import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from pathlib import Path

from benchmarks.case import EMBEDDED, LAKEHOUSE, NO_ENGINE, Case, Contestant, Work
from benchmarks.cases import daily_history

_COLUMNS = 'symbol, trade_dt, close, "7d_avg", volatility_score'
_CHOICE = "symbol = 'AAPL' ORDER BY trade_dt DESC LIMIT 5"
_LAKEHOUSE = "from flows.cli.app import main; main()"
_POLARS = """
import sys, polars as pl
table = pl.scan_delta(sys.argv[1] + "/lake/gold/stock_overview").filter(pl.col("symbol") == "AAPL")
chosen = table.select("symbol", "trade_dt", "close", "7d_avg", "volatility_score")
print(chosen.sort("trade_dt", descending=True).head(5).collect())
"""
_DUCKDB = f"""
import sys, duckdb
files = sys.argv[1] + "/lake/gold/stock_overview/*/*.parquet"
print(duckdb.sql(f'''SELECT {_COLUMNS} FROM '{{files}}' WHERE {_CHOICE}'''))
"""  # noqa: S608 - our names


def prepare(inputs: Path, scale: float) -> int:
    """The daily history, built."""
    daily_history.prepare_built(inputs, scale)
    return 5


def program(text: str, *arguments: str) -> Work:
    """A Python program in a process of its own; its first argument is the folder of the inputs."""

    def run(inputs: Path, _folder: Path) -> Generator[None]:
        given: Sequence[str] = arguments or (str(inputs),)
        environment = {**os.environ, "LAKEHOUSE_LAKE": str(inputs / "lake")}
        yield
        done = subprocess.run(  # noqa: S603 - our own
            [sys.executable, "-c", text, *given], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.count("AAPL") == 5, done.stdout  # noqa: PLR2004 - rows asked for
        yield

    return run


CASE = Case(
    name="cold_query",
    title="Query Gold in a fresh process, from command to output",
    prepare=prepare,
    contestants=(
        Contestant(
            LAKEHOUSE,
            EMBEDDED,
            program(
                _LAKEHOUSE,
                "sql",
                f"SELECT {_COLUMNS.replace(chr(34), '`')} FROM gold.stock_overview WHERE {_CHOICE}",  # noqa: S608 - ours
            ),
        ),
        Contestant("polars", NO_ENGINE, program(_POLARS)),
        Contestant("duckdb", NO_ENGINE, program(_DUCKDB)),
    ),
)
