"""Judges a person's SQL before an engine sees it: one statement, and one that only reads."""

import re
from itertools import pairwise

from serving.errors import ServingError

READING = ("SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN")
_WRITING = (
    "INSERT", "UPDATE", "DELETE", "MERGE", "CREATE", "DROP", "ALTER", "TRUNCATE", "OPTIMIZE", "VACUUM",
    "RESTORE", "COPY", "CACHE", "REFRESH",
)  # fmt: skip
# functions that call into the engine's machine: any static Java method
_ESCAPES = ("REFLECT", "JAVA_METHOD", "TRY_REFLECT")
_TOKEN = re.compile(
    r"""
    (?P<comment> --[^\r\n]* | /\*.*?\*/ )
    | (?P<text> \b[rR]'[^']*' | \b[rR]"[^"]*" | '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" | `(?:[^`]|``)*` )
    | (?P<word> [A-Za-z_][A-Za-z_0-9]* )
    | (?P<end> ; )
    | (?P<other> \s+ | [^'"`] )
    """,
    re.VERBOSE | re.DOTALL,
)


def checked_statement(text: str) -> str:
    """The statement without its closing semicolon, when it is a single one that only reads.

    Strings, quoted names and comments are passed over as Spark SQL reads them; what could be read in
    two ways (a nested comment, a quote left open) is refused. A write is refused wherever it stands:
    `WITH ... INSERT` and `EXPLAIN ANALYZE INSERT` too, and `TRANSFORM ... USING 'program'`, which runs
    a program.

    Raises:
        ServingError: says what was found and what may be asked.
    """
    tokens = _tokens(text)
    words = [value.upper() for kind, value in tokens if kind == "word"]
    meaning = [pair for pair in tokens if pair[0] not in ("comment", "space")]
    if not meaning:
        raise ServingError('no statement: ask for example "select * from gold.stock_overview limit 5"')
    _refuse_others(meaning, words)
    _refuse_writes(meaning, words)
    return text.strip() if meaning[-1][0] != "end" else text[: text.rindex(";")].strip()


def names_in(statement: str) -> list[str]:
    """The words and quoted names of a statement, in order, lower case: table and column names among them."""
    found = (value.strip("`").lower() for kind, value in _tokens(statement) if kind in ("word", "name"))
    return list(found)


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ServingError(f"a quote is left open: {text[at : at + 40]!r}; close it, or double it inside")
        kind, value = str(match.lastgroup), match.group()
        if kind == "comment" and ("/*" in value[2:] or value.endswith("\\")):
            raise ServingError(f"a comment that can be read in two ways: {value[:40]!r}; leave it out")
        if kind == "text" and value.startswith("`"):
            kind = "name"
        tokens.append(("space" if kind == "other" and value.isspace() else kind, value))
        at = match.end()
    return tokens


def _refuse_others(meaning: list[tuple[str, str]], words: list[str]) -> None:
    ends = [index for index, (kind, _) in enumerate(meaning) if kind == "end"]
    if ends and ends != [len(meaning) - 1]:
        raise ServingError("more than one statement: give one, with one semicolon at its end at most")
    if meaning[0][0] != "word" or words[0] not in READING:
        found = meaning[0][1][:30]
        raise ServingError(f"only {', '.join(READING[:-1])} or EXPLAIN can be asked, found {found!r}")


def _refuse_writes(meaning: list[tuple[str, str]], words: list[str]) -> None:
    if found := next((word for word in words if word in _WRITING), None):
        raise ServingError(
            f"{found} is refused: this reads only; a column of that name is written in backticks, `{found}`"
        )
    if found := next((word for word in words if word in _ESCAPES), None):
        raise ServingError(f"{found} is refused: it calls into the engine's machine")
    for (kind, value), following in pairwise(meaning):
        if kind == "word" and value.upper() == "USING" and following[0] == "text":
            raise ServingError("USING with a program is refused: it would run on the engine's machine")
