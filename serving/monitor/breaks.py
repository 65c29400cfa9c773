"""Reconciliation breaks: counts by symbol and pair of providers, and the breaks of one symbol."""

from deltalake.exceptions import TableNotFoundError

from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.tables.gold_reconciliation import BAR_BREAKS
from delta_tables.tables.silver import BARS
from serving.errors import ServingError
from serving.query.literals import checked_symbol, literal
from serving.query.near_symbols import near_or_all
from serving.query.selected_rows import Records, select

_PAIR = 'symbol, "interval", provider_a, provider_b, status'


def require_compared(lake: Lake) -> None:
    """Returns if providers have been compared in this lake.

    Raises:
        LakeError: there is no gold.bar_breaks, or it cannot be read.
    """
    try:
        open_table(lake, BAR_BREAKS)
    except TableNotFoundError:
        raise LakeError(
            f"there is no {BAR_BREAKS.full_name} in {lake.root}; fill the lake with `lakehouse run`, or "
            "upgrade an older one with `lakehouse build`"
        ) from None


def require_symbol(lake: Lake, symbol: str) -> None:
    """Returns if the lake has bars of the symbol, which providers could differ about.

    Raises:
        ServingError: the symbol is not valid, or the lake has no bars of it; names those that are like it.
        LakeError: silver.bars exists but cannot be read.
    """
    known = [row["symbol"] for row in select(lake, BARS, "SELECT DISTINCT symbol FROM stored")]
    if checked_symbol(symbol) not in known:
        hint = near_or_all([symbol], known, BARS.full_name)
        raise ServingError(f"{symbol} is unknown to the lake, which has no bars of it; {hint}")


def break_counts(lake: Lake) -> Records:
    """Breaks by symbol, interval, pair of providers and status, most breaks first.

    Columns: symbol, interval, provider_a (the preferred provider), provider_b, status, breaks, sessions,
    largest_bp (of prices), largest_volume_pct, latest (session date), is_simulated.

    Raises:
        LakeError: the table exists but cannot be read.
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
    """The symbol's latest breaks, newest first: both values, their difference, and their payloads.

    Raises:
        ServingError: the symbol is not valid.
        LakeError: the table exists but cannot be read.
    """
    return select(
        lake,
        BAR_BREAKS,
        'SELECT trade_dt, "timestamp", "interval", field, status, provider_a, value_a, provider_b, value_b, '  # noqa: S608 - escaped
        "difference, relative_difference, unit, tolerance, basis, payload_id_a, payload_id_b, is_simulated "
        f"FROM stored WHERE symbol = {literal(checked_symbol(symbol))} "
        f'ORDER BY "timestamp" DESC, "interval", field, provider_b LIMIT {limit}',
    )
