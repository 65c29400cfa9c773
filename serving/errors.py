"""The error that serving raises for a wrong request."""

from config.plain_links import with_own_paths


class ServingError(Exception):
    """The request cannot be answered; the message says what was requested, what exists, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(with_own_paths(message))
