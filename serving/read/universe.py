"""Which series a lake has, and what to say of one that it has not."""

import difflib
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from delta_tables.storage.lake import Lake
from serving.errors import ServingError
from serving.query.conditions import known_at
from serving.read.snapshots import Snapshot, query

_NAMING = ("symbol", "interval", "provider")
_MAX_SHOWN = 12


def read_universe(lake: Lake, snapshot: Snapshot, as_of: datetime | None) -> pa.Table:
    """One row a series, sorted, of what was known at `as_of`.

    Columns: symbol, interval and asset_class (bars only), provider, first_trade_dt, last_trade_dt,
    row_count, known_since (UTC).

    Raises:
        LakeError: a data file is damaged or missing.
    """
    wanted = (*_NAMING, "asset_class")
    names = ", ".join(f'"{name}"' for name in wanted if name in snapshot.schema.names)
    sql = (
        f"SELECT {names}, min(trade_dt) AS first_trade_dt, max(trade_dt) AS last_trade_dt, "  # noqa: S608 - escaped
        f"count(*) AS row_count, min(known_from) AS known_since FROM stored WHERE {known_at(as_of)} "
        f"GROUP BY {names} ORDER BY {names}"
    )
    found = query(lake, {"stored": snapshot}, sql)
    fields = [
        pa.field(field.name, pa.string() if field.type == pa.string_view() else field.type)
        for field in found.schema
    ]
    return found.cast(pa.schema(fields)).combine_chunks()


def require_known(
    series: str, universe: pa.Table, symbol: str, interval: str | None, provider: str | None
) -> None:
    """Nothing, when the lake has this series, be it outside the range asked for.

    Raises:
        ServingError: it has not; names what comes nearest.
    """
    asked = {"symbol": symbol, "interval": interval, "provider": provider}
    left = universe
    for name in _NAMING:
        value = asked[name]
        if value is None:
            continue
        known = sorted(set(left[name].to_pylist()))
        left = left.filter(pc.equal(left[name], value))
        if not left.num_rows:
            so_far = " ".join(str(asked[each]) for each in _NAMING[: _NAMING.index(name)] if asked[each])
            raise ServingError(_message(series, name, value, known, so_far))


def _message(series: str, name: str, value: str, known: list[str], so_far: str) -> str:
    if name == "symbol":
        near = difflib.get_close_matches(value.upper(), known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {len(known)} symbols"
        return f"no {series} of {value}; {hint}; reader.universe() lists them"
    shown = ", ".join(known[:_MAX_SHOWN])
    return f"no {series} of {so_far} with {name} {value[:40]!r}; there are {shown}"


def require_one_provider(series: str, found: pa.Table) -> None:
    """Nothing, when the rows of each symbol come from one provider: a bar that comes twice is no series.

    Raises:
        ServingError: a symbol's come from several; names them.
    """
    if len(pc.unique(found["provider"])) < 2:  # noqa: PLR2004 - a mixture
        return
    named = found.select(["symbol", "provider"]).unify_dictionaries()
    pairs = named.group_by(["symbol", "provider"]).aggregate([]).to_pylist()
    providers: dict[str, list[str]] = {}
    for pair in pairs:
        providers.setdefault(pair["symbol"], []).append(pair["provider"])
    for symbol, names in providers.items():
        if len(names) > 1:
            choice = " or ".join(f"provider={name!r}" for name in sorted(names))
            raise ServingError(f"{symbol}: {series} come from several providers: choose {choice}")
