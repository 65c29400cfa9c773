"""What parsers give: rows of text, nothing judged, nothing converted, nothing lost.

Each kind of row has the columns of the payload it came from (PAYLOAD_COLUMNS) and its own, all text.
"""

from collections.abc import Callable

from pyspark.sql import DataFrame

FrameParser = Callable[[DataFrame], DataFrame]

# The position of the one row, null otherwise, of a payload which says that there is nothing to list: no
# corporate actions, no news. Of a payload that cannot be read the row has another position.
NOTHING = "none"

PAYLOAD_COLUMNS = ("provider", "dataset", "symbol", "interval", "fetched_at", "payload_id", "is_simulated")

# calendar: a name of exchange_calendars; adjustment: raw or split; clock: how timestamp_text is read, one of
# exchange (naive, the calendar's zone), utc (naive), epoch_s, epoch_ms, epoch_ns; kind: candle, snapshot
# (one price at an instant) or partial (a candle that had not ended when it was fetched; set
# aside as partial_bar); symbol_text and zone_text: what the payload itself says, null where it does not.
BAR_FIELDS = (
    *("asset_class", "calendar", "adjustment", "clock", "kind"),
    *("position", "symbol_text", "zone_text", "timestamp_text"),
    *("open_text", "high_text", "low_text", "close_text", "volume_text"),
)
RAW_BAR_COLUMNS = (*PAYLOAD_COLUMNS, *BAR_FIELDS)

# action: split, dividend, capital_gain, spin_off or bonus; label tells apart two actions of one kind and day
# (`cash` where the provider names none); dates are YYYY-MM-DD; a split of 4 for 1 has numerator 4 and
# denominator 1; amount_text is cash a share.
ACTION_FIELDS = (
    *("position", "symbol_text", "action", "label", "ex_text"),
    *("numerator_text", "denominator_text", "amount_text", "currency"),
    *("declared_text", "record_text", "payment_text"),
)
RAW_ACTION_COLUMNS = (*PAYLOAD_COLUMNS, *ACTION_FIELDS)

# status: active or delisted; valid_from_text, valid_to_text: YYYY-MM-DD, when the symbol meant this
# instrument; instrument_text: a permanent id (ISIN, FIGI) where the provider gives one.
INSTRUMENT_FIELDS = (
    *("position", "symbol_text", "name", "asset_class", "exchange", "currency"),
    *("isin", "instrument_text", "series", "status", "valid_from_text", "valid_to_text"),
)
RAW_INSTRUMENT_COLUMNS = (*PAYLOAD_COLUMNS, *INSTRUMENT_FIELDS)

# One row an article and ticker that it names, `symbol` being the ticker (`none` where it names none);
# published_text: YYYYMMDDTHHMMSS, UTC; authors and topics are lists in one text, separated by `; `.
NEWS_FIELDS = (
    *("position", "url", "title", "summary", "source", "source_domain", "published_text"),
    *("authors", "topics", "overall_score_text", "overall_label"),
    *("relevance_text", "ticker_score_text", "ticker_label"),
)
RAW_NEWS_COLUMNS = (*PAYLOAD_COLUMNS, *NEWS_FIELDS)
