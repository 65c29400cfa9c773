"""A wrong request raises an error of one line: what was requested, and what exists."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from delta_tables.storage.lake import Lake, LakeError
from serving.errors import ServingError
from serving.read import Reader, open_reader
from serving.read.tables import partitions_of
from tests.builders import reader_lake

DAY = date(2026, 1, 5)
NAIVE = datetime(2026, 1, 5, 14, 30)  # noqa: DTZ001 - what is tested
AWARE = NAIVE.replace(tzinfo=UTC)
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
TOKYO = timezone(timedelta(hours=9))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    lake = Lake(str(tmp_path_factory.mktemp("questions") / "lake"))
    reader_lake.fill(lake)
    return open_reader(lake)


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda r: r.bars("APPL"), "no bars of APPL; did you mean AAPL?"),
        (lambda r: r.bars(["AAPL", "ZZZZ"]), "no bars of ZZZZ; there are 2 symbols"),
        (lambda r: r.bars("ZZZZ", adjusted="total"), "no bars of ZZZZ; there are 2 symbols"),
        (lambda r: r.trades("MSFT", DAY, DAY), "no trades of MSFT; there is 1 symbol"),
        (lambda r: r.quotes("AAPLE", DAY, DAY), "no quotes of AAPLE; did you mean AAPL?"),
        (lambda r: r.bars("A' OR 'a'='a"), "is not a symbol"),
        (lambda r: r.bars([]), "name the symbols to read bars of"),
        (lambda r: r.bars("AAPL", "7min"), "no bars of AAPL with interval '7min'; choose one of 1day, 1min"),
        (lambda r: r.bars("AAPL", "1day' OR 'a'='a"), "no bars of AAPL with interval"),
        (lambda r: r.bars("MSFT", "1min"), "no bars of MSFT with interval '1min'; choose one of 1day"),
        (lambda r: r.bars("MSFT", provider="yahoo"), "with provider 'yahoo'; choose one of alphavantage"),
        (lambda r: r.bars("AAPL", "1day", DAY, date(2026, 1, 4)), "start 2026-01-05 is after end 2026-01-04"),
        (lambda r: r.bars("AAPL", "1day", AWARE, AWARE - timedelta(seconds=1)), "is after end"),
        (lambda r: r.bars("AAPL", "1day", AWARE, date(2026, 1, 1)), "is after end"),
        (lambda r: r.bars("AAPL", start=NAIVE), "start 2026-01-05T14:30:00 has no time zone"),
        (lambda r: r.bars("AAPL", end=NAIVE), "end 2026-01-05T14:30:00 has no time zone"),
        (
            lambda r: r.bars("AAPL", start=EARLIEST),
            "start 0001-01-01T00:00:00+00:00 is outside the supported",
        ),
        (lambda r: r.trades("AAPL", AWARE, LATEST), "omit end to leave that side open"),
        (lambda r: r.bars("AAPL", start=EARLIEST.replace(tzinfo=TOKYO)), "is outside the supported range"),
        (lambda r: r.bars("AAPL", as_of=EARLIEST.replace(tzinfo=TOKYO)), "as_of 0001-01-01T00:00:00+09:00"),
        (lambda r: r.bars("AAPL", as_of=NAIVE), "as_of 2026-01-05T14:30:00 has no time zone"),
        (lambda r: r.bars("AAPL", as_of=DAY), "as_of must be an instant such as datetime("),
        (lambda r: r.known_at(NAIVE), "has no time zone"),
        (lambda r: r.bars("AAPL", start="2026-01-05"), "start must be a date such as date(2025, 1, 2)"),
        (lambda r: r.bars("AAPL", adjusted="full"), "adjusted must be None (as stored), 'split' or 'total'"),
        (
            lambda r: r.trades("AAPL", DAY, DAY, corrections="none"),
            "corrections must be 'applied' or 'as_reported'",
        ),
        (
            lambda r: r.bars("AAPL", columns=["last"]),
            "bars have no column last; the columns are provider, symbol",
        ),
        (lambda r: r.universe("news"), "there is a universe of bars, trades, quotes, not of 'news'"),
        (lambda _: open_reader("lake", memory_bytes=-1), "memory_bytes must not be negative, found -1"),
        (lambda _: open_reader("s3://bucket/lake"), "pass a Lake"),
    ],
)
def test_a_wrong_request_raises_an_error_that_says_what_exists(
    reader: Reader, read: Callable[[Reader], Any], message: str
) -> None:
    with pytest.raises(ServingError) as error:
        read(reader)
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < 400


def test_a_missing_lake_is_named(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match=r"no silver\.bars in .*absent; check that this is the lake's folder"):
        open_reader(tmp_path / "absent").bars("AAPL")


def test_a_known_symbol_without_rows_in_the_range_is_not_an_error(reader: Reader) -> None:
    assert len(reader.bars("AAPL", "1min", date(2020, 1, 1), date(2020, 12, 31))) == 0
    assert len(reader.bars("AAPL", "1day", date(2020, 1, 1), date(2020, 12, 31), adjusted="total")) == 0
    assert len(reader.trades("AAPL", date(2020, 1, 1), date(2020, 12, 31))) == 0


def test_the_earliest_and_the_latest_date_are_valid_bounds(reader: Reader) -> None:
    assert len(reader.bars("AAPL", "1day", date.min, date.max)) == 5
    assert len(reader.bars("AAPL", "1day", AWARE - timedelta(days=60), date.max)) == 5


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ("1day", ["2025-01-01", "2026-01-01"]),
        ("4day", ["2025-01-01", "2026-01-01"]),
        ("1min", ["2025-12-31", "2026-01-01", "2026-01-02"]),
        (None, ["2025-12-31", "2026-01-01", "2026-01-02"]),
    ],
)
def test_only_partitions_that_can_hold_rows_are_read(interval: str | None, expected: list[str]) -> None:
    days = [date(2024, 1, 1), date(2025, 1, 1), date(2025, 12, 31)]
    days += [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 5), date(2027, 1, 1)]
    found = partitions_of(days, interval, date(2025, 12, 31), date(2026, 1, 2))
    assert [day.isoformat() for day in found] == expected
