"""Whether two contestants came to the same rows."""

from pathlib import Path

import polars as pl
import polars.selectors as cs

_WITHIN = 1e-5  # six decimals, of which the last may be rounded in two ways, also of what goes in
_WITHIN_UNROUNDED = dict.fromkeys(("return", "log_return"), 1e-10)


def differences(ours: Path, theirs: Path) -> list[str]:
    """In words, one line a table, what differs between two answers (folders of Parquet files); else none.

    Rows are compared in order of all their columns that are no numbers.
    """
    names = sorted({path.name for path in [*ours.iterdir(), *theirs.iterdir()]})
    return [line for name in names if (line := _difference(ours / name, theirs / name))]


def _difference(one: Path, other: Path) -> str | None:
    if not (one.exists() and other.exists()):
        return f"{one.name}: only one has it"
    found, wanted = (_in_order(pl.read_parquet(path)) for path in (one, other))
    if found.schema != wanted.schema:
        return f"{one.name}: {found.schema} against {wanted.schema}"
    if found.height != wanted.height:
        return f"{one.name}: {found.height:,} rows against {wanted.height:,}"
    for name, kind in found.schema.items():
        a, b = found[name], wanted[name]
        same = (a - b).abs() <= _WITHIN_UNROUNDED.get(name, _WITHIN) if kind == pl.Float64 else a == b
        differs = ~(same.fill_null(value=False) | (a.is_null() & b.is_null()))
        if apart := differs.sum():
            place = differs.arg_max() or 0
            rows = f"{found.row(place)} and {wanted.row(place)}"
            return f"{one.name}: {apart:,} rows differ in {name}, such as {rows}"
    return None


def _in_order(frame: pl.DataFrame) -> pl.DataFrame:
    numbers = [name for name, kind in frame.schema.items() if kind.is_numeric()]
    plain = frame.with_columns(
        pl.col(numbers).cast(pl.Float64),
        cs.datetime(time_zone="*").dt.convert_time_zone("UTC").dt.cast_time_unit("us"),
    )
    return plain.sort([name for name in plain.columns if name not in numbers], nulls_last=True)
