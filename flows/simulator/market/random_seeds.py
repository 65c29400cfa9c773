"""Chance that repeats: the same parts give the same draws in every process and on every machine."""

import hashlib
import random

_BYTES = 8


def stable_int(*parts: object) -> int:
    """A number of 64 bits that depends on the parts alone (`hash()` differs from process to process)."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:_BYTES], "big")


def stable_share(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    return stable_int(*parts) / float(1 << (8 * _BYTES))


def stable_random(*parts: object) -> random.Random:
    """A generator whose draws depend on the parts alone."""
    return random.Random(stable_int(*parts))  # noqa: S311 - it draws prices, no secrets
