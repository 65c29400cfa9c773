"""The series of a table, and the errors for a symbol, interval or provider that it does not have."""

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from delta_tables.storage.lake import Lake
from delta_tables.views.conditions import known_at
from serving.errors import ServingError
from serving.query.near_symbols import near_symbols
from serving.read.snapshots import Snapshot, query

_SERIES_COLUMNS = ("symbol", "interval", "provider")
_MAX_SHOWN = 12


def read_universe(lake: Lake, snapshot: Snapshot, as_of: datetime | None) -> pa.Table:
    """One row per series known at `as_of`, sorted.

    Columns: symbol, interval and asset_class (bars only), provider, first_trade_dt, last_trade_dt,
    row_count, known_since (UTC).

    Raises:
        LakeError: a data file is damaged or missing.
    """
    keys = (*_SERIES_COLUMNS, "asset_class")
    names = ", ".join(f'"{name}"' for name in keys if name in snapshot.schema.names)
    sql = (
        f"SELECT {names}, min(trade_dt) AS first_trade_dt, max(trade_dt) AS last_trade_dt, "  # noqa: S608 - escaped
        f"count(*) AS row_count, min(known_from) AS known_since FROM stored WHERE {known_at(as_of)} "
        f"GROUP BY {names} ORDER BY {names}"
    )
    rows = query(lake, {"stored": snapshot}, sql)
    fields = [
        pa.field(field.name, pa.string() if field.type == pa.string_view() else field.type)
        for field in rows.schema
    ]
    return rows.cast(pa.schema(fields)).combine_chunks()


def require_known(
    table_name: str, universe: pa.Table, symbol: str, interval: str | None, provider: str | None
) -> None:
    """Returns if the table has this series, even if it has no rows in the requested range.

    Raises:
        ServingError: the table does not have it; names the nearest values that it has.
    """
    requested = {"symbol": symbol, "interval": interval, "provider": provider}
    matching = universe
    for name in _SERIES_COLUMNS:
        value = requested[name]
        if value is None:
            continue
        known = sorted(set(matching[name].to_pylist()))
        matching = matching.filter(pc.equal(matching[name], value))
        if not matching.num_rows:
            before = _SERIES_COLUMNS[: _SERIES_COLUMNS.index(name)]
            matched = " ".join(str(requested[column]) for column in before if requested[column])
            raise ServingError(_unknown(table_name, name, value, known, matched))


def _unknown(table_name: str, name: str, value: str, known: list[str], matched: str) -> str:
    if name == "symbol":
        hint = near_symbols([value], known)
        return f"there are no {table_name} of {value}; {hint}; reader.universe() lists them"
    shown = ", ".join(known[:_MAX_SHOWN])
    return f"there are no {table_name} of {matched} with {name} {value[:40]!r}; choose one of {shown}"


def require_one_provider(table_name: str, rows: pa.Table) -> None:
    """Returns if the rows of each symbol come from one provider; two would repeat each bar.

    Raises:
        ServingError: a symbol's rows come from several providers; names them.
    """
    if len(pc.unique(rows["provider"])) < 2:  # noqa: PLR2004 - one provider for all symbols
        return
    series = rows.select(["symbol", "provider"]).unify_dictionaries()
    pairs = series.group_by(["symbol", "provider"]).aggregate([]).to_pylist()
    providers: dict[str, list[str]] = {}
    for pair in pairs:
        providers.setdefault(pair["symbol"], []).append(pair["provider"])
    for symbol, names in providers.items():
        if len(names) > 1:
            choice = " or ".join(f"provider={name!r}" for name in sorted(names))
            raise ServingError(f"{table_name} of {symbol} come from several providers; choose {choice}")
