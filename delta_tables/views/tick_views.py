"""The views over the ticks, as plain SQL: the reader chooses what corrections mean.

`correction` is the indicator of NYSE TAQ, which Polygon (Massive) passes on:
00 regular; 01 later corrected, the row has the original time and the *corrected* data; 07 later marked
an error; 08 later cancelled; 10 the cancel of an 08; 11 the error of a 07; 12 follows an 01 and has the
correction's time and the original *incorrect* data (so it is left out, not the 01).
Source: the table of NYSE's TAQ documentation as public clients of Polygon quote it (QuantConnect's
PolygonSIPTradeMappings); which of these codes the flat files use is not documented by Massive.
"""

CANCELLED = (7, 8, 10, 11)
INCORRECT_ORIGINAL = 12

CURRENT = "known_to IS NULL"
HAPPENED = f"correction NOT IN ({', '.join(map(str, (*CANCELLED, INCORRECT_ORIGINAL)))})"


def trades_as_reported_sql(source: str) -> str:
    """The SELECT of silver.trades_as_reported over `source`: what is known now, every record as it came."""
    return f"SELECT * FROM {source} WHERE {CURRENT}"  # noqa: S608 - no outside text


def trades_corrected_sql(source: str) -> str:
    """The SELECT of silver.trades_corrected over `source`: the trades that happened, corrected.

    Of what is known now, cancelled and erroneous trades, their cancel and error records, and the records
    that repeat the incorrect data of a corrected trade are left out.
    """
    return f"{trades_as_reported_sql(source)} AND {HAPPENED}"
