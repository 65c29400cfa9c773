"""JSON values as raw strings, in plain Python.

Imports the standard library and body_text only, because the engines run it in their workers (see
python_parser.py).
"""

import json
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from jobs.parsing.body_text import json_text

RawRow = tuple[str | None, ...]

_MAX_NUMBER_LENGTH = 60


def json_document(body: bytes) -> object:
    """The body's JSON with numbers, NaN and Infinity as the strings received; None if it is not JSON."""
    try:
        return json.loads(json_text(body), parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None


def raw_text(value: object) -> str | None:
    """A value of json_document as a string; null stays None."""
    return value if value is None or isinstance(value, str) else json.dumps(value)


def number_text(value: object) -> str | None:
    """A value of json_document as a string, a number without its exponent: 1.2e-05 as 0.000012.

    Anything else, and a number too long to write out, stays as received.
    """
    text = raw_text(value)
    return _without_exponent(text) if text and "e" in text.lower() else text


def distinct_labels(rows: Iterable[RawRow], label: str) -> dict[RawRow, str]:
    """The label of each distinct row: `label`, from the second row of a day on with its number, `label 2`.

    The first string of a row is its day. Rows are numbered in the order of their strings, not as listed, so
    that another order of the same list gives the same labels. Equal rows are one action stated twice.
    """
    labels, count_of_day = dict[RawRow, str](), Counter[str | None]()
    for row in sorted(set(rows), key=sort_key):
        count_of_day[row[0]] += 1
        labels[row] = label if count_of_day[row[0]] == 1 else f"{label} {count_of_day[row[0]]}"
    return labels


def sort_key(row: RawRow) -> tuple[str, ...]:
    """The row as a key to sort by; None sorts as an empty string."""
    return tuple(text or "" for text in row)


def _without_exponent(text: str) -> str:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    is_short = (
        number.is_finite() and abs(number.adjusted()) + len(number.as_tuple().digits) < _MAX_NUMBER_LENGTH
    )
    return format(number, "f") if is_short else text
