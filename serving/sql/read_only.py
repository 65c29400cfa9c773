"""Checks a person's SQL before an engine runs it: a single statement that only reads."""

import re
from itertools import pairwise

from serving.errors import ServingError

READING = ("SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN")
_WRITING = (
    "INSERT", "UPDATE", "DELETE", "MERGE", "CREATE", "DROP", "ALTER", "TRUNCATE", "OPTIMIZE", "VACUUM",
    "RESTORE", "COPY", "CACHE", "REFRESH",
)  # fmt: skip
# functions that call any static Java method on the engine's machine
_JAVA_CALLS = ("REFLECT", "JAVA_METHOD", "TRY_REFLECT")
_VARIABLE = "${"
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
    """The statement without its closing semicolon, if it is a single statement that only reads.

    Strings, quoted names and comments are skipped as Spark SQL parses them; ambiguous text (a nested comment,
    an open quote) is refused. Writes are refused anywhere in the statement, such as in `WITH ... INSERT` and
    `EXPLAIN ANALYZE INSERT`, and so is what reaches beyond the lake: `TRANSFORM ... USING 'program'`, which
    runs a program, functions that call Java code, and `${env:NAME}`.

    Raises:
        ServingError: the statement is refused; says what was found and what is allowed.
    """
    _refuse_variables(text)
    tokens = _tokens(text)
    words = [value.upper() for kind, value in tokens if kind == "word"]
    meaning = [pair for pair in tokens if pair[0] not in ("comment", "space")]
    if not meaning:
        raise ServingError('the statement is empty; try "select * from gold.stock_overview limit 5"')
    _refuse_others(meaning, words)
    _refuse_writes(meaning, words)
    return text.strip() if meaning[-1][0] != "end" else text[: text.rindex(";")].strip()


def names_in(statement: str) -> list[str]:
    """The words and quoted names of a statement, lower-case and in order, including tables and columns."""
    return [value.strip("`").lower() for kind, value in _tokens(statement) if kind in ("word", "name")]


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ServingError(
                f"a quote is not closed: {text[at : at + 40]!r}; close it, or double it inside a string"
            )
        kind, value = str(match.lastgroup), match.group()
        if kind == "comment" and ("/*" in value[2:] or value.endswith("\\")):
            raise ServingError(f"this comment is ambiguous: {value[:40]!r}; remove it")
        if kind == "text" and value.startswith("`"):
            kind = "name"
        tokens.append(("space" if kind == "other" and value.isspace() else kind, value))
        at = match.end()
    return tokens


def _refuse_others(meaning: list[tuple[str, str]], words: list[str]) -> None:
    ends = [index for index, (kind, _) in enumerate(meaning) if kind == "end"]
    if ends and ends != [len(meaning) - 1]:
        raise ServingError(
            "there is more than one statement; give a single one, with at most one semicolon at its end"
        )
    if meaning[0][0] != "word" or words[0] not in READING:
        refused = meaning[0][1][:30]
        raise ServingError(
            f"a statement must start with {', '.join(READING[:-1])} or EXPLAIN, not {refused!r}"
        )


def _refuse_variables(text: str) -> None:
    """Apache Spark replaces `${env:NAME}` anywhere in a statement, in strings too, before it parses it."""
    if _VARIABLE in text:
        raise ServingError(
            "${...} is not allowed: Apache Spark would put a variable of its machine there; "
            "write concat('$', '{') to mean the characters"
        )


def _refuse_writes(meaning: list[tuple[str, str]], words: list[str]) -> None:
    if refused := next((word for word in words if word in _WRITING), None):
        raise ServingError(
            f"{refused} is not allowed: this command only reads; quote a column of that name: `{refused}`"
        )
    for (kind, value), following in pairwise([*meaning, ("end", ";")]):
        name = value.strip("`").upper()
        if name in _JAVA_CALLS and (kind == "word" or (kind == "name" and following[1] == "(")):
            raise ServingError(f"{name} is not allowed: it calls Java code on the engine's machine")
        if kind == "word" and value.upper() == "USING" and following[0] == "text":
            raise ServingError(
                "USING with a program is not allowed: it would run the program on the engine's machine"
            )
