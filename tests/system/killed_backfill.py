"""A backfill whose payloads are landed two at a time and whose clock stands still.

Run as a process of its own by the tests, which kill it. Usage: python killed_backfill.py CONFIG.
"""

import sys
from datetime import date, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from flows.ingestion import fetch_payloads
from flows.operations.backfill import BackfillRange, backfill
from jobs.runs import clock
from jobs.runs.run_context import open_run_context
from tests.builders.installation import NOW

FIRST, LAST = date(2010, 8, 2), date(2010, 8, 13)
DATASETS = ["daily"]

if __name__ == "__main__":
    setattr(fetch_payloads, "LAND_AFTER_PAYLOADS", 2)
    setattr(clock, "market_clock", lambda _simulated_now: lambda: datetime.fromisoformat(NOW))
    backfill(open_run_context(sys.argv[1]), BackfillRange(FIRST, LAST, DATASETS))
