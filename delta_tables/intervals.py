"""Bar intervals in plain Python: names, lengths, partitions, and the noon breaks of exchanges."""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Final

DAILY: Final = "1day"
LONG_INTERVALS: Final = (DAILY, "4day")  # a bar spans one session or more; partitioned by year
INTERVAL_MINUTES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "1min": 1,
        "5min": 5,
        "15min": 15,
        "30min": 30,
        "60min": 60,
        "4hour": 240,
        **dict(zip(LONG_INTERVALS, (1440, 5760), strict=True)),
    }
)
# The interval that the figures of a session use first: daily bars, then the finest.
INTERVALS_BY_PREFERENCE: Final = (DAILY, *(name for name in INTERVAL_MINUTES if name != DAILY))
# Exchanges that close at noon: start and end in seconds of the UTC day. Neither country has summer time.
NOON_BREAKS: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {"XHKG": (14_400, 18_000), "XTKS": (9_000, 12_600)}
)


def year_partition(session: date) -> date:
    """The partition of a daily or longer bar: the first day of its session's year.

    One day of intraday bars fills a file; one day of daily bars would be hundreds of tiny files.
    """
    return session.replace(month=1, day=1)


def is_year_partition(partition: date) -> bool:
    """Whether the partition holds a year of daily bars (and the intraday bars of that day, if any)."""
    return partition == year_partition(partition)
