"""The columns of raw rows, all strings: nothing is validated or converted yet.

Each kind of row has the columns of the payload that it is from (PAYLOAD_COLUMNS) and its own fields.
"""

from collections.abc import Callable

from pyspark.sql import DataFrame

FrameParser = Callable[[DataFrame], DataFrame]

# Position of the single row of a payload that states that there is nothing to list (no corporate actions, no
# news); its other fields are null. The row of an unreadable payload has another position.
NOTHING = "none"

PAYLOAD_COLUMNS = ("provider", "dataset", "symbol", "interval", "fetched_at", "payload_id", "is_simulated")

# calendar: a name of exchange_calendars; adjustment: raw or split; clock: how to read timestamp_text, one of
# exchange (naive, in the calendar's time zone), utc (naive), epoch_s, epoch_ms and epoch_ns; kind: candle,
# snapshot (one price at an instant) or partial (a candle that had not ended when it was fetched; it fails the
# rule partial_bar); symbol_text and zone_text: what the payload itself states, null if it does not.
BAR_FIELDS = (
    *("asset_class", "calendar", "adjustment", "clock", "kind"),
    *("position", "symbol_text", "zone_text", "timestamp_text"),
    *("open_text", "high_text", "low_text", "close_text", "volume_text"),
)
RAW_BAR_COLUMNS = (*PAYLOAD_COLUMNS, *BAR_FIELDS)

# action: split, dividend, capital_gain, spin_off or bonus; label distinguishes actions of one kind and day
# (`cash` if the provider gives no name); dates are YYYY-MM-DD; a split of 4 for 1 has numerator 4 and
# denominator 1; amount_text is cash per share.
ACTION_FIELDS = (
    *("position", "symbol_text", "action", "label", "ex_text"),
    *("numerator_text", "denominator_text", "amount_text", "currency"),
    *("declared_text", "record_text", "payment_text"),
)
RAW_ACTION_COLUMNS = (*PAYLOAD_COLUMNS, *ACTION_FIELDS)

# status: active or delisted; valid_from_text, valid_to_text: YYYY-MM-DD, when the symbol referred to this
# instrument; instrument_text: a permanent id (ISIN, FIGI) if the provider gives one.
INSTRUMENT_FIELDS = (
    *("position", "symbol_text", "name", "asset_class", "exchange", "currency"),
    *("isin", "instrument_text", "series", "status", "valid_from_text", "valid_to_text"),
)
RAW_INSTRUMENT_COLUMNS = (*PAYLOAD_COLUMNS, *INSTRUMENT_FIELDS)

# One row per article and ticker; `symbol` is the ticker (`none` if the article names none); published_text:
# YYYYMMDDTHHMMSS, UTC; authors and topics are lists in one string, separated by `; `.
NEWS_FIELDS = (
    *("position", "url", "title", "summary", "source", "source_domain", "published_text"),
    *("authors", "topics", "overall_score_text", "overall_label"),
    *("relevance_text", "ticker_score_text", "ticker_label"),
)
RAW_NEWS_COLUMNS = (*PAYLOAD_COLUMNS, *NEWS_FIELDS)
