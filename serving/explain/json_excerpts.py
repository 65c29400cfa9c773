"""Fragments of a JSON text, character for character, found by their path."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Key = str
_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder(strict=False)


@dataclass(frozen=True)
class JsonFragment:
    """A value as written; `member` is the text including its name, if it has one."""

    text: str
    member: str


def fragment_at(text: str, keys: Sequence[Key]) -> JsonFragment | None:
    """The value at a path of names and list indices; None if there is none, or the text is not JSON.

    If a name occurs twice, the last value is returned, as in JSON parsers and the engines. The rest of the
    path may be a single name that contains slashes.
    """
    try:
        start = _after_space(text, 0)
        fragment = JsonFragment(text[start : _value_end(text, start)], "")
    except (ValueError, IndexError, RecursionError):
        return None
    rest = list(keys)
    while rest:
        fragments = dict(_fragments(fragment.text))
        name = rest.pop(0)
        if name not in fragments and rest:
            name, rest = "/".join([name, *rest]), []
        if name not in fragments:
            return None
        fragment = fragments[name]
    return fragment


def member_text_at(text: str, keys: Sequence[Key]) -> str | None:
    """The member at the path as text: `"name": value`, or in a list the value; None as for fragment_at."""
    fragment = fragment_at(text, keys)
    return fragment.member if fragment else None


def fragments_of(text: str, keys: Sequence[Key]) -> dict[str, JsonFragment]:
    """The members of the object or list at the path, by name or index; empty if it is neither."""
    fragment = fragment_at(text, keys)
    return dict(_fragments(fragment.text)) if fragment else {}


def _fragments(text: str) -> Iterator[tuple[str, JsonFragment]]:
    """The members of `text`, which must be JSON, if it is an object or a list."""
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
