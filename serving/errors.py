"""The error that serving raises for a wrong request."""


class ServingError(Exception):
    """The request cannot be answered; the message says what was requested, what exists, and what to do."""
