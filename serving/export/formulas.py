"""Text that a spreadsheet would run as a formula, and its harmless form in CSV.

A spreadsheet that opens a CSV file runs a cell that begins with one of `= + - @` (OWASP, CSV Injection), also
after white space, control characters or quotes, and with their full-width forms. The harmless form has an
apostrophe in front. It is reversible: text that already looks escaped gets another apostrophe.
"""

import re
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

ESCAPE: Final = "'"
# Both Python's and Arrow's (RE2) regular expressions read these. Spreadsheets trim white space, control and
# formatting characters, or do not show them.
_IGNORED = (
    "\\x00-\\x20\\x7f\"'`\N{NO-BREAK SPACE}\N{OGHAM SPACE MARK}\N{EN QUAD}-\N{RIGHT-TO-LEFT MARK}"
    "\N{LINE SEPARATOR}-\N{NARROW NO-BREAK SPACE}\N{MEDIUM MATHEMATICAL SPACE}-\N{INVISIBLE PLUS}"
    "\N{IDEOGRAPHIC SPACE}\N{ZERO WIDTH NO-BREAK SPACE}"
)
_STARTS = (
    "=+\\-@\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}"
    "\N{FULLWIDTH COMMERCIAL AT}"
)
FORMULA: Final = f"^(?:[{_IGNORED}]*[{_STARTS}]|'*[\\t\\r\\n])"
_ESCAPED = re.compile(f"{ESCAPE}(?={FORMULA.removeprefix('^')})")


def without_formulas(texts: pa.Array) -> pa.Array:
    """The texts, with an apostrophe in front of each that a spreadsheet would run; null stays null."""
    is_formula = pc.match_substring_regex(texts, FORMULA)
    if not pc.any(is_formula).as_py():
        return texts
    return pc.if_else(is_formula, pc.binary_join_element_wise(ESCAPE, texts, ""), texts)


def stored_text(cell: str) -> str:
    """The stored text of a text cell of an exported CSV file, without the apostrophe of the export."""
    return cell[1:] if _ESCAPED.match(cell) else cell
