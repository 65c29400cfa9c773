"""Repeatable random numbers: the same parts give the same numbers in every process on every machine."""

import hashlib
import random

_BYTES = 8


def stable_int(*parts: object) -> int:
    """A 64-bit number that depends only on the parts (`hash()` would differ between processes)."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:_BYTES], "big")


def stable_share(*parts: object) -> float:
    """A number in [0, 1) that depends only on the parts."""
    return stable_int(*parts) / float(1 << (8 * _BYTES))


def stable_random(*parts: object) -> random.Random:
    """A random generator that depends only on the parts."""
    return random.Random(stable_int(*parts))  # noqa: S311 - it generates prices, not secrets
