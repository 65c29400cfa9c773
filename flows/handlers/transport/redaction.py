"""Removes secrets from everything that leaves a handler."""

from __future__ import annotations

import html
import json
import logging
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus

REDACTED: Final = "REDACTED"

# The key that Alpha Vantage prints in its own documentation. It is not secret, and removing the word would
# damage every text that mentions a demo.
_PUBLIC: Final = frozenset({"demo"})

_MIN_SECRET_CHARS = 4
_TOKEN_ONLY_BELOW = 8


class Redactor(logging.Filter):
    """Replaces secrets by REDACTED in texts, bodies and log records.

    Each secret is found verbatim, URL-encoded, JSON-escaped and HTML-escaped, in any case. A secret of 4 to 7
    characters is replaced only as a separate word, so that it cannot damage a body; a shorter one raises
    ValueError. Empty secrets and the public key `demo` are ignored.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        hidden = {secret.strip() for secret in secrets} - _PUBLIC - {""}
        if any(len(secret) < _MIN_SECRET_CHARS for secret in hidden):
            raise ValueError(
                f"A secret must have at least {_MIN_SECRET_CHARS} characters; redacting a shorter one would "
                "destroy the data. Set the real key."
            )
        forms = sorted((form for secret in hidden for form in _forms(secret)), key=len, reverse=True)
        whole = "|".join(_pattern(form) for form in forms)
        cut = "|".join(filter(None, (_cut_pattern(form) for form in forms)))
        self._text = re.compile(whole, re.I) if whole else None
        self._bytes = re.compile("|".join(filter(None, (whole, cut))).encode(), re.I) if whole else None

    def __repr__(self) -> str:
        """The class name only, never the secrets."""
        return "Redactor()"

    def text(self, text: str) -> str:
        """The text without secrets."""
        return self._text.sub(REDACTED, text) if self._text else text

    def body(self, body: bytes) -> bytes:
        """The bytes (UTF-8 or ASCII) without secrets; unchanged if there are none.

        The first characters of a secret at the very end are removed too: a transfer can break off inside it.
        """
        return self._bytes.sub(REDACTED.encode(), body) if self._bytes else body

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True: the record passes, with secrets removed from its message and traceback."""
        record.msg, record.args = self.text(record.getMessage()), ()
        if record.exc_info:
            formatted = logging.Formatter().formatException(record.exc_info)
            record.exc_text, record.exc_info = self.text(formatted), None
        return True


def _forms(secret: str) -> set[str]:
    """The forms a secret can take: in URLs, JSON, HTML, a Python repr."""
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
    """A pattern that matches the end of a body if it is the beginning of a long secret."""
    lengths = range(len(form) - 1, _MIN_SECRET_CHARS - 1, -1) if len(form) >= _TOKEN_ONLY_BELOW else ()
    return "|".join(rf"{re.escape(form[:length])}\Z" for length in lengths)


def guard_loggers(redactor: Redactor) -> list[logging.Logger]:
    """The HTTP libraries' loggers, each now filtered by the redactor.

    Child loggers do not inherit filters, so each one gets its own; urllib3 logs whole URLs at DEBUG.
    """
    existing = [
        name for name in logging.root.manager.loggerDict if name.split(".")[0] in {"urllib3", "requests"}
    ]
    loggers = [logging.getLogger(name) for name in {"urllib3", "requests", *existing}]
    for logger in loggers:
        logger.addFilter(redactor)
    return loggers
