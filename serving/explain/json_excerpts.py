"""Pieces of a JSON text, character for character, found by the way that leads to them."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Key = str
_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder(strict=False)


@dataclass(frozen=True)
class JsonFragment:
    """A value as it was written; `member` is the text with its name where it has one."""

    text: str
    member: str


def fragment_at(text: str, keys: Sequence[Key]) -> JsonFragment | None:
    """What the names, and numbers in lists, lead to; None where that is nothing, or the text is no JSON.

    Of a name that is there twice the last one holds, in JSON as in the engines. What is left of the way may
    be one name with slashes in it.
    """
    try:
        start = _after_space(text, 0)
        found = JsonFragment(text[start : _value_end(text, start)], "")
    except (ValueError, IndexError, RecursionError):
        return None
    rest = list(keys)
    while rest:
        fragments = dict(_fragments(found.text))
        name = rest.pop(0)
        if name not in fragments and rest:
            name, rest = "/".join([name, *rest]), []
        if name not in fragments:
            return None
        found = fragments[name]
    return found


def member_text_at(text: str, keys: Sequence[Key]) -> str | None:
    """The same as text: `"name": value`, in a list the value."""
    found = fragment_at(text, keys)
    return found.member if found else None


def fragments_of(text: str, keys: Sequence[Key]) -> dict[str, JsonFragment]:
    """The members of what is there, by name or by number; none where it is no object and no list."""
    found = fragment_at(text, keys)
    return dict(_fragments(found.text)) if found else {}


def _fragments(text: str) -> Iterator[tuple[str, JsonFragment]]:
    """The members of the object or list that `text`, known to be JSON, is."""
    if not text.startswith(("{", "[")):
        return
    at, number = _after_space(text, 1), 0
    while text[at] not in "}]":
        name, start = str(number), at
        if text.startswith("{"):
            name, at = _DECODER.raw_decode(text, at)
            at = _after_space(text, _after_space(text, at) + 1)
        end = _value_end(text, at)
        yield name, JsonFragment(text[at:end], text[start:end])
        number += 1
        at = _after_space(text, end)
        at = _after_space(text, at + 1) if text[at] == "," else at


def _value_end(text: str, at: int) -> int:
    _, end = _DECODER.raw_decode(text, at)
    return end


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
