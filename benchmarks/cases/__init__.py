"""The cases: `CASES` has them by name, in the order in which they are run."""

from benchmarks.case import Case
from benchmarks.cases import (
    as_of_read,
    cold_query,
    compaction,
    daily_history,
    landing_rate,
    minute_backfill,
    one_correction,
    overview_query,
    parse_rate,
    tick,
    tick_day,
)

CASES: dict[str, Case] = {
    each.name: each
    for each in (
        cold_query.CASE,
        overview_query.CASE,
        as_of_read.CASE,
        daily_history.CASE,
        one_correction.CASE,
        minute_backfill.CASE,
        *tick.CASES,
        compaction.CASE,
        tick_day.CASE,
        parse_rate.CASE,
        landing_rate.CASE,
    )
}
