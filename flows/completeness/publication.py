"""When each dataset is published, and until when it is awaited."""

from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from config.load import ConfigError
from config.settings import CompletenessSettings, PublicationSettings
from flows.completeness.session_state import Due
from flows.ingestion.registry import SOURCES
from jobs.market_calendar.session import Session
from jobs.market_calendar.sessions import ZONE_OF

DatasetName = tuple[str, str]  # provider, dataset

BUILT_IN: Final = MappingProxyType(
    {
        (source.name, dataset): publication
        for source in SOURCES.values()
        for dataset, publication in source.publications.items()
    }
)


def publications(settings: CompletenessSettings) -> dict[DatasetName, PublicationSettings]:
    """The publication of each (provider, dataset) with sessions: that of the settings, else the built-in one.

    Datasets without sessions (overviews, news, lists) are not among them.

    Raises:
        ConfigError: the settings name a dataset that has no sessions or does not exist.
    """
    stated = {(each.provider, each.dataset): each for each in settings.publications}
    for provider, dataset in stated:
        if (provider, dataset) not in BUILT_IN:
            known = ", ".join("/".join(name) for name in BUILT_IN)
            raise ConfigError(
                f"completeness.publications: {provider}/{dataset} has no sessions; those that have: {known}"
            )
    return {**BUILT_IN, **stated}


def due(publication: PublicationSettings, session: Session) -> Due:
    """When the session's data is expected and until when it is awaited, in UTC.

    A wall-clock time is the exchange's, so it moves with daylight saving; it is never before the close.
    """
    expected_at = session.close_at + timedelta(minutes=publication.after_close_minutes or 0)
    if publication.at is not None:
        day = session.trade_dt + timedelta(days=publication.days_after)
        wall = datetime.combine(day, publication.at, ZoneInfo(ZONE_OF[session.calendar]))
        expected_at = max(wall.astimezone(UTC), session.close_at)
    expected_at = expected_at.astimezone(UTC)
    return Due(expected_at, expected_at + timedelta(minutes=publication.wait_minutes))
