"""Bars of two providers compared: what agrees, what differs, what is missing, what cannot be compared."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructField, StructType

from config.settings import Provider, Providers, ReconciliationSettings, WatchList
from delta_tables.table import Table
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS
from jobs.gold.metrics import preferred_days
from jobs.gold.provider_ranking import normalised_symbol, watched_symbols
from jobs.reconciliation.affected_bars import affected_keys
from jobs.reconciliation.bar_breaks import bar_breaks, compared_bars
from jobs.reconciliation.split_alignment import alignment_steps
from tests.builders.reference_frames import plain_schema

Row = Mapping[str, Any]
SETTINGS = ReconciliationSettings(price_tolerance_bp=Decimal(10), volume_tolerance_pct=Decimal(5))
KNOWN = datetime(2024, 11, 22, 23, tzinfo=UTC)
MON, TUE, WED, THU, FRI = (date(2024, 11, day) for day in range(18, 23))
PRICES = ("open", "high", "low", "close")
AV, YAHOO = "alphavantage", "yahoo"


def bar(provider: str, day: date = MON, close: str = "100", volume: str | None = "1000", **more: Any) -> Row:
    """A daily candle of IBM, raw, whose four prices are one."""
    prices = dict.fromkeys(PRICES, Decimal(close))
    start = datetime(day.year, day.month, day.day, 5, tzinfo=UTC)
    row: dict[str, Any] = {"provider": provider, "symbol": "IBM", "asset_class": "stock", "calendar": "XNYS"}
    row |= {"interval": "1day", "timestamp": start, "trade_dt": day, "session": "regular", "kind": "candle"}
    row |= {"adjustment": "raw", **prices, "volume": Decimal(volume) if volume else None}
    row |= {"is_simulated": False, "known_from": KNOWN, "payload_id": f"of {provider}", "position": "/"}
    return {**dict.fromkeys(BARS.columns), **row, **more}


def minute(provider: str, clock: str = "15:00", close: str = "100", **more: Any) -> Row:
    """A minute candle of Monday's regular session."""
    start = datetime.fromisoformat(f"{MON}T{clock}:00+00:00")
    return bar(provider, MON, close, **{"interval": "1min", "timestamp": start, **more})


def split(ratio: str | None, ex_dt: date, provider: str = "yahoo") -> Row:
    row: dict[str, Any] = {
        "provider": provider,
        "symbol": "IBM",
        "action": "split",
        "label": "split",
        "ex_dt": ex_dt,
    }
    row |= {"ratio": Decimal(ratio) if ratio else None, "is_simulated": False, "known_from": KNOWN}
    return {**dict.fromkeys(CORPORATE_ACTIONS.columns), **row}


def frame(engine: SparkSession, table: Table, rows: Iterable[Row]) -> DataFrame:
    ordered = [tuple(row[name] for name in table.columns) for row in rows]
    return engine.createDataFrame(ordered, plain_schema(table))


def compare(
    engine: SparkSession, bars: Iterable[Row], splits: Iterable[Row] = (), settings: Any = SETTINGS
) -> list[tuple[Any, ...]]:
    """(day, field, provider_a, provider_b, status, basis, value_a, value_b, relative) of each break."""
    return [found[1:] for found in compare_symbols(engine, bars, splits, settings)]


def compare_symbols(
    engine: SparkSession, bars: Iterable[Row], splits: Iterable[Row] = (), settings: Any = SETTINGS
) -> list[tuple[Any, ...]]:
    """The same with the symbol before it."""
    compared_df = kept(compared_bars(frame(engine, BARS, bars), settings.provider_order))
    steps_df = kept(alignment_steps(compared_df, frame(engine, CORPORATE_ACTIONS, splits)))
    found_df = bar_breaks(compared_df, steps_df, settings, "run")
    return sorted(map(_told, found_df.collect()), key=str)


def kept(frame_df: DataFrame) -> DataFrame:
    """The frame computed once, as a run stages it."""
    rows = [tuple(row) for row in frame_df.collect()]
    schema = StructType([StructField(field.name, field.dataType, True) for field in frame_df.schema])
    return frame_df.sparkSession.createDataFrame(rows, schema)


def _told(row: Any) -> tuple[Any, ...]:
    numbers = [row[name] for name in ("value_a", "value_b", "relative_difference")]
    texts = [None if each is None else f"{each.normalize():f}" for each in numbers]
    start = row["trade_dt"] if row["interval"] == "1day" else row["timestamp"].strftime("%H:%M")
    return (
        row["symbol"],
        str(start),
        *(row[name] for name in ("field", "provider_a", "provider_b", "status", "basis")),
        *texts,
    )


def differs(day: date, field: str, basis: str, *values: str) -> tuple[Any, ...]:
    return (str(day), field, "alphavantage", "yahoo", "differs", basis, *values)


# (what the first has, what the other has, the row that is expected, if any); 10 bp of 100.00 are 0.10
PRICE_CASES = [
    ("100", "100.10", ()),
    ("100", "99.90", ()),
    ("100", "100.100000000001", ("100", "100.100000000001", "10")),
    ("100", "99.8", ("100", "99.8", "20")),
    ("0.00001", "0.00002", ("0.00001", "0.00002", "10000")),
    ("700000", "700700", ()),
]
VOLUME_CASES = [
    ("1000", "1050", ()),
    ("1000", "950", ()),
    ("1000", "1050.00000001", ("1000", "1050.00000001", "5")),
    ("1000", "500", ("1000", "500", "50")),
    ("0", "500", ("0", "500", "100")),
    ("0", "0", ()),
    (None, "500", ()),
    ("500", None, ()),
    (None, None, ()),
    ("9999999999999", "1", ("9999999999999", "1", "100")),
]


def test_values_agree_up_to_the_tolerance_and_at_it_and_no_volume_differs_from_nothing(
    engine: SparkSession,
) -> None:
    bars = []
    for number, (ours, theirs, _) in enumerate(PRICE_CASES):
        closes = {AV: ours, YAHOO: theirs}
        bars += [bar(name, close=close, symbol=f"P{number}") for name, close in closes.items()]
    for number, (some, others, _) in enumerate(VOLUME_CASES):
        volumes = {AV: some, YAHOO: others}
        bars += [bar(name, volume=volume, symbol=f"V{number}") for name, volume in volumes.items()]
    found = compare_symbols(engine, bars)
    expected = [
        (f"P{number}", *differs(MON, field, "raw", *values))
        for number, (_, _, values) in enumerate(PRICE_CASES)
        for field in PRICES
        if values
    ] + [
        (f"V{number}", *differs(MON, "volume", "raw", *values))
        for number, (_, _, values) in enumerate(VOLUME_CASES)
        if values
    ]
    assert found == sorted(expected)


def test_only_the_field_that_differs_has_a_row(spark: SparkSession) -> None:
    found = compare(spark, [bar(AV), bar(YAHOO, high=Decimal(101))])
    assert found == [differs(MON, "high", "raw", "100", "101", "100")]


def test_each_other_provider_is_compared_with_the_first_in_the_order(engine: SparkSession) -> None:
    bars = [bar(YAHOO, close="102"), bar(AV, close="101"), bar("massive", close="100")]
    closes = [row for row in compare(engine, bars) if row[1] == "close"]
    assert [(row[2], row[3], row[7]) for row in closes] == [
        ("massive", AV, "101"),
        ("massive", YAHOO, "102"),
    ]
    turned = ReconciliationSettings(provider_order=(YAHOO,))  # the others by name
    closes = [row for row in compare(engine, bars, settings=turned) if row[1] == "close"]
    assert [(row[2], row[3]) for row in closes] == [(YAHOO, AV), (YAHOO, "massive")]


def test_what_is_not_alike_is_not_compared(engine: SparkSession) -> None:
    changes: dict[str, dict[str, Any]] = {
        "KIND": {"kind": "snapshot"},
        "DRAWN": {"is_simulated": True},
        "CALENDAR": {"calendar": "24/7"},
        "SESSION": {"session": "pre"},
        "INTERVAL": {"interval": "4day"},
        "TIME": {"timestamp": datetime(2024, 11, 18, 6, tzinfo=UTC)},
        "SAME": {},
    }
    bars = [bar(AV, symbol=symbol) for symbol in changes]
    bars += [bar(YAHOO, **{"close": "200", "symbol": symbol, **change}) for symbol, change in changes.items()]
    assert {row[0] for row in compare_symbols(engine, bars)} == {"SAME"}


def test_an_adjusted_bar_is_compared_on_the_basis_of_its_day(engine: SparkSession) -> None:
    bars = [
        *(bar(AV, MON, "400", "1000"), bar(YAHOO, MON, "50", "8000", adjustment="split")),
        *(bar(AV, TUE, "400", "1000"), bar(YAHOO, TUE, "45", "8000", adjustment="split")),
        *(bar(AV, WED, "100"), bar(YAHOO, WED, "50", "2000", adjustment="split")),  # an ex-date
        *(bar(AV, FRI, "50"), bar(YAHOO, FRI, "50", adjustment="split")),
    ]
    splits = [split("4", WED), split("2", FRI), split("3", date(2024, 12, 2)), split("7", date(2024, 1, 2))]
    expected = sorted(differs(TUE, name, "split", "50", "45", "1000") for name in PRICES)
    assert compare(engine, bars, splits) == expected


def test_a_split_that_two_providers_state_counts_once(spark: SparkSession) -> None:
    bars = [bar(AV, MON, "400", "1000"), bar(YAHOO, MON, "100", "4000", adjustment="split")]
    assert compare(spark, bars, [split("4", WED), split("4", WED, AV), split("4", THU, "massive")]) == []


def test_two_adjusted_bars_received_before_and_after_a_split_are_put_on_one_basis(
    spark: SparkSession,
) -> None:
    before = {"adjustment": "split", "known_from": datetime(2024, 11, 19, 23, tzinfo=UTC)}
    bars = [
        bar("coingecko", MON, "400", "1000", **before),
        bar(YAHOO, MON, "100", "4000", adjustment="split"),
    ]
    assert compare(spark, bars, [split("4", WED)]) == []


def test_bars_about_a_split_without_a_ratio_are_said_to_be_not_comparable(engine: SparkSession) -> None:
    bars = [
        *(bar(AV, MON, "400", "1000"), bar(YAHOO, MON, "100", "4000", adjustment="split")),
        *(bar(AV, WED), bar(YAHOO, WED, adjustment="split")),
    ]
    assert compare(engine, bars, [split(None, THU), split("4", WED, AV)]) == []
    assert compare(engine, bars, [split(None, WED)]) == [
        (str(MON), "bar", AV, YAHOO, "not_compared", "none", None, None, None)
    ]


def test_a_day_that_a_provider_lacks_between_two_of_its_days_is_missing(engine: SparkSession) -> None:
    bars = [*(bar(AV, day) for day in (MON, TUE, WED, THU, FRI)), *(bar(YAHOO, day) for day in (TUE, THU))]
    # before its first day and after its last the provider may just not have been asked
    assert compare(engine, bars) == [(str(WED), "bar", AV, YAHOO, "missing", "raw", None, None, None)]


def test_the_bar_that_is_there_holds_where_the_first_provider_lacks_it(spark: SparkSession) -> None:
    bars = [bar(AV, MON), bar(AV, WED), *(bar(YAHOO, day) for day in (MON, TUE, WED))]
    assert compare(spark, bars) == [(str(TUE), "bar", YAHOO, AV, "missing", "raw", None, None, None)]


def test_days_in_a_gap_longer_than_the_limit_were_not_fetched(spark: SparkSession) -> None:
    far = MON + timedelta(days=13)
    bars = [*(bar(AV, day) for day in (MON, TUE, far)), bar(YAHOO, MON), bar(YAHOO, far)]
    assert compare(spark, bars) == []
    wider = ReconciliationSettings(longest_gap_days=13)
    assert [row[4] for row in compare(spark, bars, settings=wider)] == ["missing"]


def test_a_minute_is_missing_in_a_session_that_the_provider_covers(engine: SparkSession) -> None:
    bars = [
        *(minute("massive", clock) for clock in ("14:59", "15:00", "15:01")),
        minute("massive", "12:00", session="pre"),
        *(minute(AV, clock) for clock in ("15:00",)),
    ]
    assert compare(engine, bars) == [
        (clock, "bar", "massive", AV, "missing", "raw", None, None, None) for clock in ("14:59", "15:01")
    ]


def test_a_minute_that_was_not_over_when_its_provider_was_last_heard_is_not_missing(
    spark: SparkSession,
) -> None:
    heard: dict[str, Any] = {"known_from": datetime.fromisoformat(f"{MON}T15:02:00+00:00")}
    bars = [minute("massive", clock) for clock in ("15:00", "15:01", "15:02")]
    found = compare(spark, [*bars, minute(AV, "15:00", **heard)])
    assert [row[0] for row in found] == ["15:01"]


def test_of_two_spellings_of_one_provider_what_was_learned_last_holds(spark: SparkSession) -> None:
    later: dict[str, Any] = {"known_from": KNOWN + timedelta(hours=1)}
    bars = [bar(AV, close="100"), bar(YAHOO, close="300"), bar(YAHOO, close="200", **later)]
    closes = {row[7] for row in compare(spark, bars) if row[1] == "close"}
    assert closes == {"200"}


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ("BRK.B", "BRK-B"),
        ("BRK-B", "BRK-B"),
        ("BRK/B", "BRK-B"),
        ("BRKpB", "BRKpB"),
        ("BRK.A", "BRK.A"),
        ("BTC-USD", "BTC-USD"),
        ("PEPE-USD", "PEPE-USD"),
        ("IBM", "IBM"),
    ],
)
def test_symbols_are_written_as_the_watch_list_writes_them(
    spark: SparkSession, stored: str, expected: str
) -> None:
    watch_list = WatchList(stocks=("IBM", "BRK-B"), fx=("EURUSD",), crypto=("BTC-USD", "PEPE-USD=pepe"))
    symbols_df = spark.createDataFrame([(stored,)], "symbol string")
    assert symbols_df.select(normalised_symbol(watched_symbols(watch_list))).collect()[0][0] == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (("yahoo", "massive"), "yahoo"),
        (("massive",), "massive"),
        ((), "alphavantage"),
        (("bse",), "alphavantage"),
    ],
)
def test_gold_is_computed_from_the_first_provider_in_the_order_after_the_interval(
    engine: SparkSession, order: tuple[str, ...], expected: str
) -> None:
    days = [("IBM", MON, "1day", name) for name in ("massive", "yahoo", "alphavantage")]
    days += [("IBM", TUE, "5min", "yahoo"), ("IBM", TUE, "1min", "coingecko"), ("IBM", TUE, "1min", "zzz")]
    schema = "symbol string, trade_dt date, interval string, provider string"
    days_df = engine.createDataFrame(days, schema).selectExpr(
        "*", "timestamp(trade_dt) AS day_end_at", "false AS is_simulated"
    )
    facts = "provider string, symbol string, known_from timestamp, known_to timestamp, eps double"
    nothing_df = engine.createDataFrame([], f"{facts}, is_simulated boolean")
    found_df = preferred_days(days_df, nothing_df, order)
    chosen = {row["trade_dt"]: (row["interval"], row["provider"]) for row in found_df.collect()}
    assert chosen == {MON: ("1day", expected), TUE: ("1min", "coingecko")}


def test_the_default_order_names_every_provider() -> None:
    assert set(get_args(Provider)) == set(Providers.model_fields)
    assert ReconciliationSettings().provider_order[0] == "bse"


def test_any_order_of_the_rows_gives_the_same_breaks(spark: SparkSession) -> None:
    bars = [
        *(
            bar(name, day, f"{100 + place}")
            for place, name in enumerate((AV, YAHOO, "bse"))
            for day in (MON, WED)
        )
    ]
    bars += [bar(AV, TUE), minute(AV, "15:00"), minute(YAHOO, "15:00", "99"), minute(YAHOO, "15:01")]
    first = compare(spark, bars)
    assert len(first) == 2 * 2 * 4 + 2 + 4 + 1
    assert compare(spark, bars[::-1]) == first


def test_only_sessions_that_a_changed_bar_can_concern_are_compared_again(spark: SparkSession) -> None:
    changed_df = frame(spark, BARS, [minute(AV), bar(YAHOO, WED), bar(AV, WED)])
    keys = {tuple(row) for row in affected_keys(changed_df, longest_gap_days=2).collect()}
    assert keys == {("IBM", "1min", MON), *(("IBM", "1day", day) for day in (MON, TUE, WED, THU, FRI))}
