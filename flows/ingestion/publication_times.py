"""When a provider publishes a dataset, in the form in which a source and the settings state it."""

from datetime import time

from config.settings import PublicationSettings


def after_close(minutes: int, wait_hours: int) -> PublicationSettings:
    """Published so many minutes after the session's close; missing `wait_hours` later."""
    return PublicationSettings(
        provider="", dataset="", after_close_minutes=minutes, wait_minutes=wait_hours * 60
    )


def at_exchange_time(at: time, days_after: int, wait_hours: int) -> PublicationSettings:
    """Published at a time of the exchange's clock, `days_after` the session; missing `wait_hours` later."""
    return PublicationSettings(
        provider="", dataset="", at=at, days_after=days_after, wait_minutes=wait_hours * 60
    )
