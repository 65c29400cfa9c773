"""Flat files agree with each other and with the real layout; boto3 can read the store."""

import csv
import gzip
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from flows.simulator.faults import Fault, FaultKind
from flows.simulator.market.market import Market
from flows.simulator.market.real_prices import load_histories
from flows.simulator.massive.file_store import TICKERS, FileStore, object_key
from flows.simulator.server import Simulator

DAY = date(2010, 8, 19)
PUBLISHED_AT = datetime(2010, 8, 20, 15, tzinfo=UTC)  # 11:00 New York
NOW = PUBLISHED_AT + timedelta(hours=1)
_REAL_ROWS = Path(__file__).resolve().parents[2] / "../shared/data/polygon/flatfiles_real_rows"
_MINUTE_NS = 60_000_000_000

Row = dict[str, str]


@pytest.fixture(scope="module")
def store() -> FileStore:
    return FileStore(Market(0))


def rows(store: FileStore, dataset: str, *faults: Fault, day: date = DAY) -> list[Row]:
    file = store.find(object_key(dataset, day), datetime(2010, 9, 1, tzinfo=UTC), faults)
    assert file is not None
    return list(csv.DictReader(gzip.decompress(file.content).decode().splitlines()))


def minutes(trades: list[Row]) -> dict[tuple[str, int], tuple[Decimal, ...]]:
    """Open, close, high, low and volume of the trades, per ticker and minute."""
    bars: dict[tuple[str, int], tuple[Decimal, ...]] = {}
    for key, rows_of_key in groupby(
        trades, lambda row: (row["ticker"], int(row["sip_timestamp"]) // _MINUTE_NS)
    ):
        group = list(rows_of_key)
        prices = [Decimal(row["price"]) for row in group]
        volume = sum((Decimal(row["size"]) for row in group), Decimal(0))
        bars[key] = (prices[0], prices[-1], max(prices), min(prices), volume)
    return bars


def client(simulator: Simulator, key_id: str = "a-key-id") -> Any:
    return boto3.client(
        "s3",
        endpoint_url=simulator.base,
        aws_access_key_id=key_id,
        aws_secret_access_key="a-secret",
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, proxies={}, retries={"total_max_attempts": 1}),
    )


def refusal(call: Callable[..., Any], **parameters: str) -> tuple[int, str]:
    with pytest.raises(ClientError) as raised:
        call(Bucket=parameters.pop("Bucket", "flatfiles"), **parameters)
    response: Any = raised.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


@pytest.mark.parametrize(
    ("dataset", "sample"),
    [
        ("trades_v1", "trades_v1_rows.csv"),
        ("quotes_v1", "quotes_v1_rows.csv"),
        ("minute_aggs_v1", "minute_aggs_v1_2026-10-02.csv"),
        ("day_aggs_v1", "day_aggs_v1_2026-10-02.csv"),
    ],
)
def test_columns_and_value_formats_match_real_rows(store: FileStore, dataset: str, sample: str) -> None:
    if not _REAL_ROWS.is_dir():
        pytest.skip("the real rows of flat files are not on this machine")
    with (_REAL_ROWS / sample).open(encoding="utf-8") as lines:
        real = list(csv.DictReader(lines))
    generated = rows(store, dataset)

    assert list(generated[0]) == list(real[0])
    for column in real[0]:
        styles = {shape(row[column]) for row in real}
        # The list of conditions may be empty in a generated row; the sample happens to have no empty one.
        unknown = {row[column] for row in generated if shape(row[column]) not in styles | {""}}
        assert column in {"ticker", "conditions"} or not unknown, (column, sorted(unknown)[:3])


def shape(value: str) -> str:
    """The format of a value: 9.9 for a number with few decimals, 9.999999 for six, 9 for an integer."""
    decimals = re.sub(r"\d+$", lambda match: "9" * (6 if len(match.group()) == 6 else 1), value)
    return re.sub(r"^-?\d+(?=\.|$)", "9", decimals) if value[:1].isdigit() else value


def test_trades_add_up_to_the_minute_bars_with_and_without_odd_lots(store: FileStore) -> None:
    trades = rows(store, "trades_v1")
    bars = {
        (row["ticker"], int(row["window_start"]) // _MINUTE_NS): tuple(
            Decimal(row[name]) for name in ("open", "close", "high", "low", "volume")
        )
        for row in rows(store, "minute_aggs_v1")
    }
    counts = Counter((row["ticker"], int(row["sip_timestamp"]) // _MINUTE_NS) for row in trades)
    round_lots = [row for row in trades if "37" not in row["conditions"].split(",")]

    assert minutes(trades) == bars
    assert len(bars) == len(TICKERS) * 390
    assert len(round_lots) < len(trades)
    assert {key: bar[:4] for key, bar in minutes(round_lots).items()} == {
        key: bar[:4] for key, bar in bars.items()
    }
    assert all(
        int(row["transactions"]) == counts[row["ticker"], int(row["window_start"]) // _MINUTE_NS]
        for row in rows(store, "minute_aggs_v1")
    )


def test_day_bars_are_real_cover_all_symbols_and_start_at_midnight_in_new_york(store: FileStore) -> None:
    days = {row["ticker"]: row for row in rows(store, "day_aggs_v1")}

    assert len(days) == 500
    for symbol in ("AAPL", "BRK.B", "ZION"):
        real = next(bar for bar in load_histories()[symbol] if bar.trade_dt == DAY)
        values = tuple(Decimal(days[symbol][name]) for name in ("open", "high", "low", "close", "volume"))
        assert values == (real.open, real.high, real.low, real.close, Decimal(real.volume))
    assert {row["window_start"] for row in days.values()} == {"1282190400000000000"}  # 04:00 UTC


def test_trades_are_ordered_have_unique_keys_and_some_look_equal(store: FileStore) -> None:
    trades = rows(store, "trades_v1")
    keys = Counter((row["ticker"], row["id"], row["sequence_number"]) for row in trades)
    looks = Counter(
        tuple(row[name] for name in ("ticker", "sip_timestamp", "price", "size")) for row in trades
    )

    assert max(keys.values()) == 1
    assert max(looks.values()) == 2
    for _, ticker_rows in groupby(trades, lambda row: row["ticker"]):
        group = list(ticker_rows)
        sequences = [int(row["sequence_number"]) for row in group]
        times = [int(row["sip_timestamp"]) for row in group]
        assert sequences == sorted(sequences)
        assert times == sorted(times)
    assert all(int(row["participant_timestamp"]) <= int(row["sip_timestamp"]) for row in trades)
    assert {row["trf_id"] != "0" for row in trades if row["exchange"] == "4"} == {True}
    assert any(Decimal(row["size"]) % 1 for row in trades)


def test_quotes_are_not_crossed_and_the_first_has_no_bid(store: FileStore) -> None:
    for _, ticker_rows in groupby(rows(store, "quotes_v1"), lambda row: row["ticker"]):
        first, *others = ticker_rows
        assert (first["bid_price"], first["bid_size"]) == ("0.0", "0")
        assert all(Decimal(row["bid_price"]) < Decimal(row["ask_price"]) for row in others)


def test_a_republished_day_differs_in_one_trade_and_its_bars(store: FileStore) -> None:
    fault = Fault(FaultKind.CORRECTIONS, keys=("IBM",))
    changed = {
        dataset: [
            (old, new)
            for old, new in zip(rows(store, dataset), rows(store, dataset, fault), strict=True)
            if old != new
        ]
        for dataset in ("trades_v1", "quotes_v1", "minute_aggs_v1", "day_aggs_v1")
    }

    assert {dataset: len(pairs) for dataset, pairs in changed.items()} == {
        "trades_v1": 1,
        "quotes_v1": 0,
        "minute_aggs_v1": 1,
        "day_aggs_v1": 1,
    }
    grown = {
        dataset: {name: Decimal(new[name]) - Decimal(old[name]) for name in old if old[name] != new[name]}
        for dataset, [(old, new), *_] in ((name, pairs) for name, pairs in changed.items() if pairs)
    }
    gain = grown["trades_v1"]["size"]
    assert gain > 0
    assert grown == {
        "trades_v1": {"size": gain},
        "minute_aggs_v1": {"volume": gain},
        "day_aggs_v1": {"volume": gain},
    }
    assert changed["trades_v1"][0][0]["ticker"] == "IBM"


def test_bytes_depend_on_the_seed(store: FileStore) -> None:
    def etag(of: FileStore) -> str:
        file = of.find(object_key("trades_v1", DAY), NOW, ())
        assert file is not None
        return file.etag

    assert etag(FileStore(Market(0))) == etag(store)
    assert etag(FileStore(Market(1))) != etag(store)


def test_a_file_is_published_at_eleven_on_the_next_day_or_late(simulate: Any) -> None:
    simulator = simulate(clock=PUBLISHED_AT - timedelta(minutes=1))
    head, key = client(simulator).head_object, object_key("day_aggs_v1", DAY)
    assert refusal(head, Key=key)[0] == 404

    simulator.service.clock.set(PUBLISHED_AT)
    simulator.service.set_faults([Fault(FaultKind.LATE_BARS, seconds=3600)])
    assert refusal(head, Key=key)[0] == 404
    simulator.service.clock.set(PUBLISHED_AT + timedelta(hours=1))
    assert head(Bucket="flatfiles", Key=key)["LastModified"] == PUBLISHED_AT


def test_a_correction_republishes_at_its_time_with_another_etag(simulate: Any) -> None:
    at = NOW + timedelta(hours=2)
    simulator = simulate(clock=NOW, faults=(Fault(FaultKind.CORRECTIONS, at=at, symbols=(str(DAY),)),))
    s3 = client(simulator)

    def head(day: date) -> tuple[str, datetime]:
        response = s3.head_object(Bucket="flatfiles", Key=object_key("trades_v1", day))
        return response["ETag"], response["LastModified"]

    other = date(2010, 8, 17)
    before, untouched = head(DAY), head(other)
    simulator.service.clock.set(at)

    assert head(DAY)[0] != before[0]
    assert head(DAY)[1] == at
    assert head(other) == untouched


def test_ranges_and_conditions_work_as_in_s3(simulate: Any) -> None:
    s3, key = client(simulate(clock=NOW)), object_key("day_aggs_v1", DAY)
    whole = s3.get_object(Bucket="flatfiles", Key=key)
    content = whole["Body"].read()
    part = s3.get_object(Bucket="flatfiles", Key=key, Range="bytes=10-19", IfMatch=whole["ETag"])

    assert part["Body"].read() == content[10:20]
    assert part["ContentRange"] == f"bytes 10-19/{len(content)}"
    assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert whole["Metadata"] == {"simulated": "true"}
    assert s3.head_object(Bucket="flatfiles", Key=key)["ContentLength"] == len(content)
    assert refusal(s3.get_object, Key=key, Range=f"bytes={len(content)}-") == (416, "InvalidRange")
    assert refusal(s3.get_object, Key=key, IfMatch='"another"') == (412, "PreconditionFailed")


@pytest.mark.parametrize(
    ("key_id", "parameters", "expected"),
    [
        ("wrong-id", {"Key": object_key("day_aggs_v1", DAY)}, (403, "InvalidAccessKeyId")),
        ("forged-id", {"Key": object_key("day_aggs_v1", DAY)}, (403, "SignatureDoesNotMatch")),
        ("basic-id", {"Key": object_key("quotes_v1", DAY)}, (403, "AccessDenied")),
        ("a-key-id", {"Key": "us_stocks_sip/day_aggs_v1/2010/08/nonsense"}, (404, "NoSuchKey")),
        ("a-key-id", {"Key": object_key("day_aggs_v1", date(2010, 8, 21))}, (404, "NoSuchKey")),
        ("a-key-id", {"Key": "x", "Bucket": "flatfiles2"}, (404, "NoSuchBucket")),
    ],
)
def test_refusals_have_s3_error_codes(
    simulate: Any, key_id: str, parameters: dict[str, str], expected: tuple[int, str]
) -> None:
    assert refusal(client(simulate(clock=NOW), key_id).get_object, **parameters) == expected


def test_an_unsigned_request_is_denied(simulate: Any, send_query: Any) -> None:
    simulator = simulate(clock=NOW)
    simulator.url = f"{simulator.base}/flatfiles/{object_key('day_aggs_v1', DAY)}"
    response = send_query(simulator)
    assert (response.status_code, "<Code>AccessDenied</Code>" in response.text) == (403, True)


def test_calls_above_the_rate_limit_get_slow_down(simulate: Any) -> None:
    s3 = client(simulate(clock=NOW, calls_per_minute=1))
    s3.head_object(Bucket="flatfiles", Key=object_key("day_aggs_v1", DAY))
    assert refusal(s3.get_object, Key=object_key("day_aggs_v1", DAY)) == (503, "SlowDown")


def test_a_listing_has_pages_of_published_files(simulate: Any) -> None:
    s3 = client(simulate(clock=NOW))
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket="flatfiles",
        Prefix="us_stocks_sip/day_aggs_v1/2010/08/2010-08-1",
        PaginationConfig={"PageSize": 4},
    )
    items = [item for page in pages for item in page["Contents"]]

    days = [date(2010, 8, number) for number in (10, 11, 12, 13, 16, 17, 19)]  # the data lack the 18th
    assert [item["Key"] for item in items] == [object_key("day_aggs_v1", day) for day in days]
    head = s3.head_object(Bucket="flatfiles", Key=items[0]["Key"])
    assert (items[0]["ETag"], items[0]["Size"]) == (head["ETag"], head["ContentLength"])


def test_an_override_is_served_unchanged(simulate: Any) -> None:
    simulator = simulate(clock=NOW)
    provider_simulator: Any = simulator.service.provider_simulator("massive")
    provider_simulator.files.overrides["any/key"] = b"any bytes"
    response = client(simulator).get_object(Bucket="flatfiles", Key="any/key")
    assert (response["Body"].read(), response["Metadata"]) == (b"any bytes", {})
