"""When each dataset is published, and how long it is waited for."""

from datetime import UTC, datetime, time, timedelta
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from config.load import ConfigError
from config.settings import CompletenessSettings, PublicationSettings
from flows.completeness.session_state import Due
from jobs.market_calendar.sessions import ZONE_OF, Session

Name = tuple[str, str]


def _after_close(minutes: int, wait_hours: int) -> PublicationSettings:
    return PublicationSettings(
        provider="", dataset="", after_close_minutes=minutes, wait_minutes=wait_hours * 60
    )


def _at(at: time, days_after: int, wait_hours: int) -> PublicationSettings:
    return PublicationSettings(
        provider="", dataset="", at=at, days_after=days_after, wait_minutes=wait_hours * 60
    )


# https://massive.com/knowledge-base/article/what-time-are-massives-flat-files-ready-each-day
_FLAT_FILE: Final = _at(time(11), 1, 24)

# No provider of bars says when they are out: these are times at which they have been seen to be there. The
# windows end before the next session's publication, so that what is missing is known before it is two.
BUILT_IN: Final = MappingProxyType(
    {
        ("alphavantage", "daily"): _after_close(180, 16),
        ("alphavantage", "intraday"): _after_close(30, 6),
        ("alphavantage", "fx_daily"): _after_close(60, 12),
        ("alphavantage", "fx_intraday"): _after_close(30, 6),
        ("alphavantage", "crypto_daily"): _after_close(60, 12),
        ("alphavantage", "crypto_intraday"): _after_close(30, 6),
        ("yahoo", "daily"): _after_close(60, 16),
        ("yahoo", "intraday"): _after_close(30, 6),
        ("coingecko", "market_chart"): _after_close(15, 12),
        ("coingecko", "ohlc"): _after_close(30, 12),
        ("massive", "trades_v1"): _FLAT_FILE,
        ("massive", "quotes_v1"): _FLAT_FILE,
        ("massive", "minute_aggs_v1"): _FLAT_FILE,
        ("massive", "day_aggs_v1"): _FLAT_FILE,
        ("bse", "bhavcopy"): _at(time(20), 0, 16),
    }
)


def publications(settings: CompletenessSettings) -> dict[Name, PublicationSettings]:
    """The publication of each (provider, dataset) that has sessions: the built-in ones, then the settings'.

    A dataset that is not among them (overviews, news, lists) is expected of no session in particular.

    Raises:
        ConfigError: the settings name such a dataset, or one that there is not.
    """
    for each in settings.publications:
        if (each.provider, each.dataset) not in BUILT_IN:
            known = ", ".join("/".join(name) for name in BUILT_IN)
            raise ConfigError(
                f"completeness.publications: {each.provider}/{each.dataset} has no sessions; "
                f"those that have: {known}"
            )
    return {**BUILT_IN, **{(each.provider, each.dataset): each for each in settings.publications}}


def due(publication: PublicationSettings, session: Session) -> Due:
    """When the session's data is expected and until when it is waited for, in UTC.

    A wall-clock time is the exchange's, so it moves with its daylight saving; it is never before the close.
    """
    expected_at = session.close_at + timedelta(minutes=publication.after_close_minutes or 0)
    if publication.at is not None:
        day = session.trade_dt + timedelta(days=publication.days_after)
        wall = datetime.combine(day, publication.at, ZoneInfo(ZONE_OF[session.calendar]))
        expected_at = max(wall.astimezone(UTC), session.close_at)
    expected_at = expected_at.astimezone(UTC)
    return Due(expected_at, expected_at + timedelta(minutes=publication.wait_minutes))
