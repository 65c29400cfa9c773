"""A backfill whose answers are landed two at a time and whose clock stands still.

Run as a process of its own by the tests, which kill it. Usage: python killed_backfill.py CONFIG.
"""

import sys
from datetime import date, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from flows.backfill import backfill
from flows.ingestion import fetch_payloads as fetching
from jobs.runs import run_context as workspace
from tests.flows.installation import NOW

FIRST, LAST = date(2010, 8, 2), date(2010, 8, 13)
DATASETS = ["daily"]

if __name__ == "__main__":
    setattr(fetching, "LAND_AFTER_PAYLOADS", 2)
    setattr(workspace, "market_clock", lambda _simulated_now: lambda: datetime.fromisoformat(NOW))
    backfill(FIRST, LAST, DATASETS, config_file=sys.argv[1])
