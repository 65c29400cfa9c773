"""A case's inputs, made in a process of its own: its last line is the number of rows of work in them.

    python -m benchmarks.prepare CASE INPUTS SCALE

Not in the process that starts the contestants: they would inherit what an engine leaves in its environment
(PySpark: that every session is one of Spark Connect).
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.cases import CASES


def main(arguments: Sequence[str]) -> None:
    """Makes the inputs of one case."""
    case_name, inputs, scale = arguments
    rows = CASES[case_name].prepare(Path(inputs), float(scale))
    sys.stdout.write(f"{rows}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
