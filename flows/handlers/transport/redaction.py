"""Secrets taken out of everything that leaves a handler."""

from __future__ import annotations

import html
import json
import logging
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus

REDACTED: Final = "REDACTED"

# The key that Alpha Vantage prints in its own documentation. It is no secret, and removing the word would
# shred every text that speaks of a demo.
_PUBLIC: Final = frozenset({"demo"})

_SHORTEST = 4
_TOKEN_ONLY_BELOW = 8


class Redactor(logging.Filter):
    """Replaces secrets by REDACTED in texts, bodies and log records.

    Each secret is found as it is, URL-encoded, JSON-escaped and HTML-escaped, in any case. One of 4 to 7
    characters is replaced only where it stands alone, so that it cannot shred a body; a shorter one is
    refused with ValueError. Empty secrets, and the public key `demo`, are left alone.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        wanted = {secret.strip() for secret in secrets} - _PUBLIC - {""}
        if any(len(secret) < _SHORTEST for secret in wanted):
            raise ValueError(
                f"wanted secrets of at least {_SHORTEST} characters, found a shorter one, whose redaction "
                "would destroy the data; set the real key"
            )
        forms = sorted((form for secret in wanted for form in _forms(secret)), key=len, reverse=True)
        whole = "|".join(_pattern(form) for form in forms)
        cut = "|".join(filter(None, (_cut_pattern(form) for form in forms)))
        self._text = re.compile(whole, re.I) if whole else None
        self._bytes = re.compile("|".join(filter(None, (whole, cut))).encode(), re.I) if whole else None

    def __repr__(self) -> str:
        """Never the secrets."""
        return "Redactor()"

    def text(self, text: str) -> str:
        """The text without secrets."""
        return self._text.sub(REDACTED, text) if self._text else text

    def body(self, body: bytes) -> bytes:
        """The bytes (UTF-8 or ASCII) without secrets; the very same bytes where there are none.

        The first characters of a secret at the very end count too: a transfer can break off inside it.
        """
        return self._bytes.sub(REDACTED.encode(), body) if self._bytes else body

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True: the record passes, its message and traceback rewritten without secrets."""
        record.msg, record.args = self.text(record.getMessage()), ()
        if record.exc_info:
            formatted = logging.Formatter().formatException(record.exc_info)
            record.exc_text, record.exc_info = self.text(formatted), None
        return True


def _forms(secret: str) -> set[str]:
    """The spellings in which a secret travels: URLs, JSON, HTML, a Python repr."""
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    return (
        {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), html.escape(secret)}
        | escaped
        | {form.replace("/", "\\/") for form in escaped}
    )


def _pattern(form: str) -> str:
    if len(form) >= _TOKEN_ONLY_BELOW:
        return re.escape(form)
    return rf"(?<![A-Za-z0-9]){re.escape(form)}(?![A-Za-z0-9])"


def _cut_pattern(form: str) -> str:
    """Matches a body's end that is the beginning of a long secret."""
    lengths = range(len(form) - 1, _SHORTEST - 1, -1) if len(form) >= _TOKEN_ONLY_BELOW else ()
    return "|".join(rf"{re.escape(form[:length])}\Z" for length in lengths)


def guard_loggers(redactor: Redactor) -> list[logging.Logger]:
    """The HTTP libraries' loggers, each now filtered by the redactor.

    A filter is not inherited by child loggers, so it is put on each; urllib3 writes whole URLs at DEBUG.
    """
    known = [
        name for name in logging.root.manager.loggerDict if name.split(".")[0] in {"urllib3", "requests"}
    ]
    loggers = [logging.getLogger(name) for name in {"urllib3", "requests", *known}]
    for logger in loggers:
        logger.addFilter(redactor)
    return loggers
