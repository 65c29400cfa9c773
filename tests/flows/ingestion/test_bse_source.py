"""The days whose files a run requests from the Bombay exchange, and those that it has already."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from config.settings import Settings
from flows.ingestion.source import FetchRequest, LandedResponse
from flows.ingestion.sources.bse import SOURCE
from jobs.runs.errors import PlanError

NOW = datetime(2024, 1, 24, 15, 0, tzinfo=UTC)
FOLDER = "/download/BhavCopy/Equity"


def settings(**bse: Any) -> Settings:
    return Settings.model_validate({"providers": {"bse": bse}})


def days(request: FetchRequest, today: date, **bse: Any) -> list[date | None]:
    queries = SOURCE.queries(request, settings(**bse), today)
    assert all(
        (query.dataset, query.symbol, query.start) == ("bhavcopy", "ALL", query.end) for query in queries
    )
    return [query.start for query in queries]


def request_of(start: date | None = None, end: date | None = None, **fields: Any) -> FetchRequest:
    return FetchRequest("bse", "bhavcopy", start=start, end=end, **fields)


def test_a_range_requests_each_session_including_special_saturdays() -> None:
    # 20 January 2024 was a Saturday with a session, 22 January a holiday.
    requested = days(request_of(date(2024, 1, 18), date(2024, 1, 24)), today=date(2024, 3, 1))
    assert [day.day for day in requested if day] == [18, 19, 20, 23, 24]


def test_a_range_ends_today() -> None:
    assert days(request_of(date(2024, 1, 23), date(2024, 1, 31)), today=date(2024, 1, 24)) == [
        date(2024, 1, 23),
        date(2024, 1, 24),
    ]


def test_the_latest_are_the_last_sessions_with_the_newest_first() -> None:
    requested = days(request_of(), today=date(2024, 1, 23), latest_days=3)
    assert requested == [date(2024, 1, 23), date(2024, 1, 20), date(2024, 1, 19)]


@pytest.mark.parametrize(
    "wrong",
    [
        FetchRequest("bse", "daily"),
        request_of(symbols=("500002",)),
        request_of(date(2024, 1, 24), date(2024, 1, 23)),
    ],
)
def test_an_impossible_request_is_refused(wrong: FetchRequest) -> None:
    with pytest.raises(PlanError):
        SOURCE.queries(wrong, settings(), date(2024, 1, 24))


@pytest.mark.parametrize(
    ("request_path", "expected"),
    [
        (f"{FOLDER}/EQ_ISINCODE_230124.zip?", True),
        (f"{FOLDER}/EQ230124_CSV.ZIP?", True),
        (f"{FOLDER}/EQ_ISINCODE_240124.zip?", False),
        (f"{FOLDER}/BhavCopy_BSE_CM_0_0_0_20240123_F_0000.CSV?", False),
    ],
)
def test_a_day_is_covered_by_its_file_in_either_older_layout(request_path: str, expected: bool) -> None:
    (query,) = SOURCE.queries(request_of(date(2024, 1, 23), date(2024, 1, 23)), settings(), date(2024, 1, 24))
    assert SOURCE.is_covered(query, [LandedResponse("ALL", "1day", request_path, NOW)], NOW) is expected


def test_nothing_is_requested_unless_the_settings_say_so() -> None:
    assert SOURCE.latest_datasets(settings()) == ()
    assert SOURCE.latest_datasets(settings(datasets=("bhavcopy",))) == ("bhavcopy",)
    assert SOURCE.threads(settings(threads=3)) == 3
