"""Conditions on the trades, as plain SQL: those known now, and those that happened.

`correction` is the indicator of NYSE TAQ, which Polygon (Massive) passes on:
00 regular; 01 later corrected, the row has the original time and the *corrected* data; 07 later marked as an
error; 08 later cancelled; 10 the cancel of an 08; 11 the error of a 07; 12 follows an 01 and has the time of
the correction and the original *incorrect* data (so it is left out, not the 01).
Source: the table in NYSE's TAQ documentation, as quoted by public clients of Polygon (QuantConnect's
PolygonSIPTradeMappings); which of these codes the flat files use is not documented by Massive.
"""

CANCELLED = (7, 8, 10, 11)
INCORRECT_ORIGINAL = 12

# The trades as known now, every record as received.
CURRENT = "known_to IS NULL"
# With corrections applied: without cancelled and erroneous trades, the records that cancel them, and those
# that repeat the incorrect data of a corrected trade.
HAPPENED = f"correction NOT IN ({', '.join(map(str, (*CANCELLED, INCORRECT_ORIGINAL)))})"
