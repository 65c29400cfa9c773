"""The rules that trades and quotes share: times, sessions, order, numbers, reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType

from jobs.market_calendar.sessions import NEW_YORK, STOCKS_US, sessions_between
from jobs.parsing.flat_files import FlatFile

_MAX_VALUES = {"int": 2**31 - 1, "bigint": 2**63 - 1}
_MICROSECOND = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class TickDay:
    """A file's date in nanoseconds since 1970, and its session's phases; none where it is no session.

    `phases` are (name, first, end), end not included; what is in none of them is `closed`.
    """

    file_dt: date
    start_ns: int
    end_ns: int
    phases: tuple[tuple[str, int, int], ...]


def tick_day(file_dt: date) -> TickDay:
    """The day in New York, with the session of the calendar XNYS."""
    start, end = (
        _ns(datetime.combine(day, time(0), NEW_YORK)) for day in (file_dt, file_dt + timedelta(days=1))
    )
    found = sessions_between(STOCKS_US, file_dt, file_dt)
    if not found:
        return TickDay(file_dt, start, end, ())
    session = found[0]
    marks = [
        _ns(at) for at in (session.pre_open_at, session.open_at, session.close_at, session.post_close_at)
    ]
    phases = tuple(zip(("pre", "regular", "post"), marks, marks[1:], strict=False))
    return TickDay(file_dt, start, end, phases)


def with_batch_columns(rows_df: DataFrame, day: TickDay) -> DataFrame:
    """Adds what batches are cut by: `sequence`, `sip_ns`, null where unreadable, and `sip_in_day`."""
    sip_df = rows_df.withColumn("sequence", integer("sequence_number")).withColumn(
        "sip_ns", integer("sip_timestamp")
    )
    is_in_day = (F.col("sip_ns") >= day.start_ns) & (F.col("sip_ns") < day.end_ns)
    return sip_df.withColumn("sip_in_day", F.when(is_in_day, F.col("sip_ns")))


def with_shared(staged_df: DataFrame, file: FlatFile, day: TickDay, earlier_sip_ns: int | None) -> DataFrame:
    """Adds the columns that trades and quotes share, and those of a payload's row.

    `earlier_sip_ns`: the latest SIP time among lower sequence numbers that are not in the frame; of use
    where a symbol's day is cut into several batches.
    """
    shared = {
        "provider": F.lit(file.provider),
        "dataset": F.lit(file.dataset),
        "symbol": F.col("ticker"),
        "interval": F.lit(None).cast("string"),
        "fetched_at": F.lit(file.fetched_at),
        "payload_id": F.lit(file.file_id),
        "is_simulated": F.lit(file.is_simulated),
        "trade_dt": F.lit(file.file_dt),
        "timestamp": F.timestamp_micros(F.expr(f"sip_ns div {_MICROSECOND}")),
        "sip_timestamp_ns": F.col("sip_ns"),
        "participant_timestamp_ns": integer("participant_timestamp"),
        "trf_timestamp_ns": zero_as_null(integer("trf_timestamp")),
        "session": _session(day),
        "is_out_of_order": _is_out_of_order(earlier_sip_ns),
    }
    return staged_df.withColumns(shared)


def shared_rules(day: TickDay) -> dict[str, Column]:
    """The rules that a trade and a quote must both keep, by the reason for which they set a row aside."""
    times = ("participant_timestamp", "trf_timestamp")
    unreadable = F.col("sip_ns").isNull()
    for name in times:
        unreadable |= F.col(name).isNotNull() & integer(name).isNull()
    return {
        "missing_symbol": F.col("ticker") == "",
        "not_a_session": F.lit(not day.phases),
        "other_date": F.col("sip_ns").isNotNull() & F.col("sip_in_day").isNull(),
        "time_in_future": F.col("timestamp") > F.col("fetched_at"),
        "unreadable_time": unreadable,
    }


def reasons(rules: Mapping[str, Column]) -> Column:
    """The names of the rules that hold, sorted; a rule that cannot be decided does not hold."""
    broken = [F.when(F.coalesce(rules[name], F.lit(False)), F.lit(name)) for name in sorted(rules)]
    return F.filter(F.array(*broken), lambda name: name.isNotNull())


def raw_values(names: Sequence[str]) -> Column:
    """The row's texts as received, a JSON list of strings."""
    quoted = [
        F.concat(F.lit('"'), F.regexp_replace(F.coalesce(name, F.lit("")), '(["\\\\])', "\\\\$1"), F.lit('"'))
        for name in names
    ]
    return F.concat(F.lit("["), F.concat_ws(",", *quoted), F.lit("]"))


def integer(name: str, kind: str = "bigint") -> Column:
    """The column's text as a whole number without a sign; null where it is none, or too large.

    By way of a decimal, since the embedded engine's cast raises on what is too large. Not by try_cast in an
    SQL text: with each such text that it reads the embedded engine (0.7) keeps some 20 KB for ever.
    """
    digits = len(str(_MAX_VALUES[kind]))
    number = _matching(name, rf"^\d{{1,{digits}}}$").cast(DecimalType(digits, 0))
    largest = F.lit(str(_MAX_VALUES[kind])).cast(DecimalType(digits, 0))
    return F.when(number <= largest, number).cast(kind)


def decimal(name: str, kind: DecimalType) -> Column:
    """The column's text as a decimal; null where it is none, or has more places than the type.

    Places that the type does not have are not rounded away; zeros are no places.
    """
    whole = kind.precision - kind.scale
    return _matching(name, rf"^[+-]?\d{{1,{whole}}}(\.\d{{0,{kind.scale}}}0*)?$").cast(kind)


def _matching(name: str, pattern: str) -> Column:
    """The column's text where it matches: what is cast never holds a text that the cast would raise on."""
    return F.when(F.col(name).rlike(pattern), F.col(name))


def zero_as_null(number: Column) -> Column:
    """The number, null where it is 0."""
    return F.when(number != 0, number)


def _session(day: TickDay) -> Column:
    at = F.col("sip_ns")
    phase = F.lit("closed")
    for name, first, end in day.phases:
        phase = F.when((at >= first) & (at < end), F.lit(name)).otherwise(phase)
    return phase


def _is_out_of_order(earlier_sip_ns: int | None) -> Column:
    before = (
        Window.partitionBy("ticker")
        .orderBy("sequence", "sip_in_day")
        .rowsBetween(Window.unboundedPreceding, -1)
    )
    latest = F.max(F.when(F.col("sequence").isNotNull(), F.col("sip_in_day"))).over(before)
    known = latest if earlier_sip_ns is None else F.greatest(latest, F.lit(earlier_sip_ns))
    return F.coalesce(F.col("sip_in_day") < known, F.lit(False)) & F.col("sequence").isNotNull()


def _ns(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * _MICROSECOND
