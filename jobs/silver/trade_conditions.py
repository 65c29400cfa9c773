"""Rules by which a trade's conditions update a minute bar: the SIPs' consolidated processing guidelines.

Sources: ids 1 to 10 from Massive's own sample of /v3/reference/conditions (update_rules.consolidated, in
github polygon-io/client-python, test_rest/mocks); the others from Polygon's glossary of conditions as
QuantConnect's PolygonSIPTradeMappings keeps it; those marked [k] are general knowledge to confirm.
In the guidelines, which are for daily bars, Form T (12) updates the volume only. Massive's minute bars use
its prices; otherwise there would be no bars outside the regular session (its knowledge base: How does Polygon
create the OHLCV aggregate bars). An id that is in no list here has no effect.
"""

from pyspark.sql import Column
from pyspark.sql import functions as F

ODD_LOT = 37

# average price, cash, extended hours out of sequence, official close and open, next day, price variation,
# odd lot, contingent, qualified contingent; [k] non-eligible (extended), cancelled, errored
NOT_FOR_HIGH_LOW = (2, 7, 13, 15, 16, 20, 21, 37, 52, 53, 42, 43, 44, 54)
# and also: bunched sold, derivatively priced, prior reference, seller, sold out of sequence; [k] sold out
NOT_FOR_OPEN_CLOSE = (*NOT_FOR_HIGH_LOW, 5, 10, 22, 29, 33, 32)
# official close and open, corrected consolidated close; [k] cancelled, errored
NOT_FOR_VOLUME = (15, 16, 38, 44, 54)

_READABLE = r"^\d{1,3}(,\d{1,3})*$"
_UNKNOWN = r"6[1-9]|[7-9]\d|\d{3}"  # the list of ids ends at 60


def is_unreadable(conditions: Column) -> Column:
    """Whether the string is present but not a list of ids such as `12,37`."""
    return conditions.isNotNull() & ~conditions.rlike(_READABLE)


def updates_open_close(conditions: Column) -> Column:
    """Whether a trade with these conditions updates open and close; false for an unknown id."""
    return ~(_contains_any(conditions, NOT_FOR_OPEN_CLOSE) | _contains_unknown(conditions))


def updates_high_low(conditions: Column) -> Column:
    """Whether a trade with these conditions updates high and low; false for an unknown id."""
    return ~(_contains_any(conditions, NOT_FOR_HIGH_LOW) | _contains_unknown(conditions))


def updates_volume(conditions: Column) -> Column:
    """Whether a trade with these conditions updates the volume; true for an unknown id."""
    return ~_contains_any(conditions, NOT_FOR_VOLUME)


def is_odd_lot(conditions: Column) -> Column:
    """Whether the SIP marked the trade as an odd lot."""
    return _contains_any(conditions, (ODD_LOT,))


def _contains_any(conditions: Column, ids: tuple[int, ...]) -> Column:
    return _matches(conditions, "|".join(map(str, ids)))


def _contains_unknown(conditions: Column) -> Column:
    return _matches(conditions, _UNKNOWN)


def _matches(conditions: Column, alternatives: str) -> Column:
    return F.coalesce(conditions.rlike(f"(^|,)({alternatives})(,|$)"), F.lit(False))
