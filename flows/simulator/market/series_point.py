"""The point of a time series that all providers render in their own format."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple


class SeriesPoint(NamedTuple):
    """One bar of a time series.

    `key` identifies the bar as the provider writes it (a naive local date or time, or epoch milliseconds);
    `published_at` is the instant from which it is served.
    """

    key: str
    published_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int | None  # exchange rates have none
