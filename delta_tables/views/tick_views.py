"""Views of the trades, as plain SQL: as reported, or with corrections applied.

`correction` is the indicator of NYSE TAQ, which Polygon (Massive) passes on:
00 regular; 01 later corrected, the row has the original time and the *corrected* data; 07 later marked as an
error; 08 later cancelled; 10 the cancel of an 08; 11 the error of a 07; 12 follows an 01 and has the time of
the correction and the original *incorrect* data (so it is left out, not the 01).
Source: the table in NYSE's TAQ documentation, as quoted by public clients of Polygon (QuantConnect's
PolygonSIPTradeMappings); which of these codes the flat files use is not documented by Massive.
"""

CANCELLED = (7, 8, 10, 11)
INCORRECT_ORIGINAL = 12

CURRENT = "known_to IS NULL"
HAPPENED = f"correction NOT IN ({', '.join(map(str, (*CANCELLED, INCORRECT_ORIGINAL)))})"


def trades_as_reported_sql(source: str) -> str:
    """The SELECT of the current trades in `source` (columns of silver.trades), every record as received."""
    return f"SELECT * FROM {source} WHERE {CURRENT}"  # noqa: S608 - no outside text


def trades_corrected_sql(source: str) -> str:
    """The SELECT of the current trades in `source` that happened, with corrections applied.

    Leaves out cancelled and erroneous trades, their cancel and error records, and the records that repeat the
    incorrect data of a corrected trade.
    """
    return f"{trades_as_reported_sql(source)} AND {HAPPENED}"
