"""What trades and quotes share: columns (times, session, order), casts and validation rules."""

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
    """A file's date as a range of nanoseconds since 1970, and the phases of its trading session.

    `phases` are (name, start, end) with the end excluded; an instant in none of them is `closed`. There are
    no phases if the exchange is closed on that date.
    """

    file_dt: date
    start_ns: int
    end_ns: int
    phases: tuple[tuple[str, int, int], ...]


def tick_day(file_dt: date) -> TickDay:
    """The day in New York, with the phases of the session of the calendar XNYS."""
    start, end = (
        _ns(datetime.combine(day, time(0), NEW_YORK)) for day in (file_dt, file_dt + timedelta(days=1))
    )
    sessions = sessions_between(STOCKS_US, file_dt, file_dt)
    if not sessions:
        return TickDay(file_dt, start, end, ())
    session = sessions[0]
    bounds = [
        _ns(at) for at in (session.pre_open_at, session.open_at, session.close_at, session.post_close_at)
    ]
    phases = tuple(zip(("pre", "regular", "post"), bounds, bounds[1:], strict=False))
    return TickDay(file_dt, start, end, phases)


def with_batch_columns(rows_df: DataFrame, day: TickDay) -> DataFrame:
    """The raw ticks with the columns by which batches are cut, all bigint, null if unreadable.

    Args:
        rows_df: raw strings of a file, from jobs.parsing.flat_files.read_flat_file.
        day: the file's day.

    Returns:
        The raw columns, and sequence, sip_ns (nanoseconds since 1970 UTC) and sip_in_day (sip_ns, null if it
        is on another day).
    """
    sip_df = rows_df.withColumn("sequence", to_integer("sequence_number")).withColumn(
        "sip_ns", to_integer("sip_timestamp")
    )
    is_in_day = (F.col("sip_ns") >= day.start_ns) & (F.col("sip_ns") < day.end_ns)
    return sip_df.withColumn("sip_in_day", F.when(is_in_day, F.col("sip_ns")))


def with_tick_columns(
    staged_df: DataFrame, file: FlatFile, day: TickDay, earlier_sip_ns: int | None
) -> DataFrame:
    """The staged ticks with the columns that trades and quotes share.

    Args:
        staged_df: rows of with_batch_columns.
        file: the file that the rows are from.
        day: the file's day.
        earlier_sip_ns: the latest SIP time among lower sequence numbers that are not in the frame, if a
            symbol's day is cut into several batches; nanoseconds since 1970.

    Returns:
        All columns, and
        jobs.parsing.raw_schema.PAYLOAD_COLUMNS (payload_id is the file's id), trade_dt,
        timestamp (SIP time, UTC, microseconds), sip_timestamp_ns, participant_timestamp_ns, trf_timestamp_ns
        (nanoseconds since 1970), session (pre, regular, post or closed), is_out_of_order.
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
        "participant_timestamp_ns": to_integer("participant_timestamp"),
        "trf_timestamp_ns": zero_as_null(to_integer("trf_timestamp")),
        "session": _session(day),
        "is_out_of_order": _is_out_of_order(earlier_sip_ns),
    }
    return staged_df.withColumns(shared)


def shared_tick_rules(day: TickDay) -> dict[str, Column]:
    """Conditions that are true for an invalid trade or quote, by the name of the rule."""
    times = ("participant_timestamp", "trf_timestamp")
    unreadable = F.col("sip_ns").isNull()
    for name in times:
        unreadable |= F.col(name).isNotNull() & to_integer(name).isNull()
    return {
        "missing_symbol": F.col("ticker") == "",
        "not_a_session": F.lit(not day.phases),
        "other_date": F.col("sip_ns").isNotNull() & F.col("sip_in_day").isNull(),
        "time_in_future": F.col("timestamp") > F.col("fetched_at"),
        "unreadable_time": unreadable,
    }


def to_integer(name: str, kind: str = "bigint") -> Column:
    """The column's string as a whole number without a sign; null if it is none, or too large for the type.

    The string is cast to a decimal first, since the embedded engine's cast raises on a number that is too
    large. try_cast in an SQL expression is no alternative: the embedded engine (Sail 0.7) never frees the
    20 KB that each such expression takes.
    """
    digits = len(str(_MAX_VALUES[kind]))
    number = _matching(name, rf"^\d{{1,{digits}}}$").cast(DecimalType(digits, 0))
    largest = F.lit(str(_MAX_VALUES[kind])).cast(DecimalType(digits, 0))
    return F.when(number <= largest, number).cast(kind)


def to_exact_decimal(name: str, kind: DecimalType) -> Column:
    """The column's string as a decimal; null if it is none, or if the type would round it.

    Trailing zeros beyond the type's scale are allowed.
    """
    whole = kind.precision - kind.scale
    return _matching(name, rf"^[+-]?\d{{1,{whole}}}(\.\d{{0,{kind.scale}}}0*)?$").cast(kind)


def _matching(name: str, pattern: str) -> Column:
    """The column's string, null if it does not match: then the cast never raises."""
    return F.when(F.col(name).rlike(pattern), F.col(name))


def zero_as_null(number: Column) -> Column:
    """The number, null if it is 0."""
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
    latest = latest if earlier_sip_ns is None else F.greatest(latest, F.lit(earlier_sip_ns))
    return F.coalesce(F.col("sip_in_day") < latest, F.lit(False)) & F.col("sequence").isNotNull()


def _ns(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * _MICROSECOND
