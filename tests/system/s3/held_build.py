"""A builder on another machine, run in a process of its own by the tests; it stays until it is killed.

Usage: python held_build.py SPAN_SECONDS, with the installation in the environment.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from jobs.pipelines.writer_session import writer_session
from jobs.runs.run_context import open_run_context

if __name__ == "__main__":
    with writer_session(open_run_context(), span_seconds=float(sys.argv[1])):
        sys.stdout.write("inside\n")
        sys.stdout.flush()
        time.sleep(600)
