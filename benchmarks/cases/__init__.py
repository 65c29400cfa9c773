"""The cases: `CASES` has them by name, in the order in which they are run."""

from benchmarks.case import Case
from benchmarks.cases import cold_query, daily_history, minute_backfill, tick

CASES: dict[str, Case] = {
    each.name: each for each in (cold_query.CASE, daily_history.CASE, minute_backfill.CASE, *tick.CASES)
}
