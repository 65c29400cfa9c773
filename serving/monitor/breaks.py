"""Where providers disagree: counts by symbol and pair, and the breaks of one symbol."""

from deltalake.exceptions import TableNotFoundError

from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.tables.gold_reconciliation import BAR_BREAKS
from serving.query.literals import checked_symbol, literal
from serving.query.select import Records, select

_PAIR = 'symbol, "interval", provider_a, provider_b, status'


def require_compared(lake: Lake) -> None:
    """Refuses a lake in which nothing can have been compared.

    Raises:
        LakeError: it has no gold.bar_breaks, or that cannot be read.
    """
    try:
        open_table(lake, BAR_BREAKS)
    except TableNotFoundError:
        raise LakeError(
            f"no {BAR_BREAKS.full_name} at {lake.root}: fill the lake with `lakehouse run`, or bring an "
            "older one up with `lakehouse build`"
        ) from None


def break_counts(lake: Lake) -> Records:
    """Breaks by symbol, interval, pair and status, the most first.

    symbol, interval, provider_a (whose bars hold), provider_b, status, breaks, sessions, largest_bp (of
    prices), largest_volume_pct, latest (session date), is_simulated.

    Raises:
        LakeError: the table is there and cannot be read.
    """
    return select(
        lake,
        BAR_BREAKS,
        f"SELECT {_PAIR}, count(*) AS breaks, count(DISTINCT trade_dt) AS sessions, "  # noqa: S608 - our names
        "max(CASE WHEN unit = 'bp' THEN relative_difference END) AS largest_bp, "
        "max(CASE WHEN unit = '%' THEN relative_difference END) AS largest_volume_pct, "
        "max(trade_dt) AS latest, bool_or(is_simulated) AS is_simulated "
        f"FROM stored GROUP BY {_PAIR} ORDER BY breaks DESC, {_PAIR}",
    )


def breaks_of(lake: Lake, symbol: str, limit: int) -> Records:
    """The symbol's latest breaks, newest first: both values, their difference and where they come from.

    Raises:
        ServingError: the symbol cannot be one.
        LakeError: the table is there and cannot be read.
    """
    return select(
        lake,
        BAR_BREAKS,
        'SELECT trade_dt, "timestamp", "interval", field, status, provider_a, value_a, provider_b, value_b, '  # noqa: S608 - escaped
        "difference, relative_difference, unit, tolerance, basis, payload_id_a, payload_id_b, is_simulated "
        f"FROM stored WHERE symbol = {literal(checked_symbol(symbol))} "
        f'ORDER BY "timestamp" DESC, "interval", field, provider_b LIMIT {limit}',
    )
