"""Runs that meet every fault with all logging on; a process of its own, so that all its output is captured.

Usage: python canary_run.py CONFIG < plan.json, the plan being a list of objects with the API key, the
simulator's address and its faults; the last one is met by the command line. Every log record is written to
records.txt in full.
"""

import json
import logging
import os
import sys
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import requests

from flows.backfill import backfill
from flows.cli import entry_point


class WholeRecords(logging.Handler):
    """Writes each record with all its attributes and its traceback."""

    def __init__(self, file: Path) -> None:
        super().__init__(logging.DEBUG)
        self._file = file.open("w")

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one record."""
        traceback = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
        print(vars(record), record.getMessage(), traceback, file=self._file, flush=True)


def listen() -> None:
    """Writes the records of all loggers, from DEBUG on, to records.txt."""
    logging.getLogger().setLevel(logging.DEBUG)
    logging.getLogger().addHandler(WholeRecords(Path("records.txt")))
    for name in ("urllib3", "requests", "flows", "deltalake", "prefect"):
        logging.getLogger(name).setLevel(logging.DEBUG)


def prepare(step: dict[str, str]) -> None:
    """Sets the key, the simulator, its faults and the timeout."""
    os.environ["ALPHAVANTAGE_API_KEY"] = step["key"]
    os.environ["LAKEHOUSE_PROVIDERS__ALPHAVANTAGE__BASE_URL"] = step["url"]
    os.environ["LAKEHOUSE_PROVIDERS__ALPHAVANTAGE__TIMEOUT_SECONDS"] = step["patience"]
    faults = f"{step['url'].removesuffix('/query')}/_simulator/faults"
    requests.post(faults, data=step["faults"], timeout=120).raise_for_status()


if __name__ == "__main__":
    listen()
    *steps, last = json.load(sys.stdin)
    for each in steps:
        prepare(each)
        backfill(date(2010, 8, 2), date(2010, 8, 20), ["daily"], config_file=sys.argv[1])
    prepare(last)
    sys.argv = ["lakehouse", "--config", sys.argv[1], "run"]
    entry_point.main()
