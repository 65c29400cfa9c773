"""One contestant at one case, in a process of its own: its last line is its cost, as JSON.

    python -m benchmarks.contest CASE CONTESTANT INPUTS WORK

Its answer is left in WORK/answer, a Parquet file a table.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.cases import CASES
from benchmarks.measuring import measured


def main(arguments: Sequence[str]) -> None:
    """Measures one contestant once."""
    case_name, key, inputs, folder = arguments
    contestant = CASES[case_name].contestant(key)
    ctx = contestant.ctx(Path(inputs), Path(folder))
    next(ctx)
    with measured() as cost:
        next(ctx)
    next(ctx, None)  # leaves what it read, ends what it started
    if contestant.answer:
        answer = Path(folder) / "answer"
        answer.mkdir()
        for name, table in contestant.answer(Path(folder)).items():
            pq.write_table(table, answer / f"{name}.parquet")
    sys.stdout.write(f"{json.dumps(vars(cost))}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
