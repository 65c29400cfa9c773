"""What to say about a symbol that a table does not have."""

import difflib
from collections.abc import Collection, Sequence

_SHOWN = 3
_CUTOFF = 0.5


def near_symbols(unknown: Sequence[str], known: Collection[str]) -> str:
    """The known symbols that look most like the unknown ones, as a question, else how many are known."""
    near = dict.fromkeys(
        name
        for symbol in unknown
        for name in difflib.get_close_matches(symbol.upper(), sorted(known), n=_SHOWN, cutoff=_CUTOFF)
    )
    if near:
        return f"did you mean {' or '.join(near)}?"
    if not known:
        return "there are no symbols yet; `lakehouse run` fetches those of the watch list"
    return f"there {'is 1 symbol' if len(known) == 1 else f'are {len(known):,} symbols'}"


def near_or_all(unknown: Sequence[str], known: Collection[str], table_name: str) -> str:
    """As near_symbols; where none is near, with the command that lists those of the table."""
    hint = near_symbols(unknown, known)
    if not known or hint.endswith("?"):
        return hint
    return f"{hint}; `lakehouse sql 'select distinct symbol from {table_name}'` lists them"  # noqa: S608 - a message
