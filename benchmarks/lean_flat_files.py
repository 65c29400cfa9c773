"""Writes QuantConnect LEAN's sample ticks in the layout of Massive's flat files.

LEAN (github QuantConnect/Lean, Data/equity/readme.md): one zip a symbol, day and kind; prices are dollars x
10000, times milliseconds since midnight New York; trades are ms, price, size, exchange letter, condition bits
(hex), suspicious; quotes are ms, bid, bid size, ask, ask size, exchange, condition, suspicious, one side an
update and of one exchange. There are no sequence numbers or ids: rows are numbered, in file order. The quotes
become the best bid and offer over the exchanges after each update, which is what a flat file holds.
"""

import csv
import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from jobs.parsing.flat_files import COLUMNS_OF, QUOTES, TRADES

NEW_YORK = ZoneInfo("America/New_York")
Row = dict[str, str]
Reader = Callable[["Source", str], Iterator[Row]]
Choice = Callable[..., str]

# Bits of LEAN's TradeConditionFlags, and the ids of the same conditions in the flat files.
_CONDITION_OF_BIT = {
    0x2: 7,  # cash
    0x4: 20,  # next day
    0x8: 29,  # seller
    0x20: 14,  # intermarket sweep
    0x40: 25,  # opening prints
    0x80: 8,  # closing prints
    0x100: 28,  # reopening prints
    0x200: 10,  # derivatively priced
    0x400: 12,  # Form T
    0x2000: 12,  # extended hours
    0x4000: 33,  # out of sequence
    0x8000: 34,  # split
    0x10000: 1,  # acquisition
    0x20000: 4,  # bunched
    0x80000: 11,  # distribution
    0x100000: 2,  # average price
    0x200000: 9,  # cross
    0x400000: 21,  # price variation
    0x1000000: 15,  # official close
    0x2000000: 22,  # prior reference price
    0x4000000: 16,  # official open
    0x20000000: 41,  # trade through exempt
    0x80000000: 37,  # odd lot
}


@dataclass(frozen=True)
class Source:
    """A day of LEAN ticks: the folder `equity/usa/tick`, the symbols of it, the day."""

    folder: Path
    symbols: tuple[str, ...]
    day: date


def write_flat_files(source: Source, folder: Path, copies: int = 1) -> dict[str, tuple[Path, int]]:
    """The files of trades_v1 and quotes_v1 that were written, each with its number of rows.

    With `copies` each symbol comes that many times, as IBM, IBM.1, IBM.2: a larger day of the same kind.
    """
    readers: dict[str, Reader] = {TRADES: _trades, QUOTES: _quotes}
    return {dataset: _write(reader, dataset, source, folder, copies) for dataset, reader in readers.items()}


def _write(
    reader: Reader,
    dataset: str,
    source: Source,
    folder: Path,
    copies: int,
) -> tuple[Path, int]:
    path, count = folder / f"{dataset}.{source.day}.{copies}.csv.gz", 0
    with gzip.open(path, "wt", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS_OF[dataset], restval="")
        writer.writeheader()
        for symbol in sorted(source.symbols):
            for copy in range(copies):
                ticker = f"{symbol}.{copy}" if copy else symbol
                for row in reader(source, symbol):
                    writer.writerow({"ticker": ticker, **row})
                    count += 1
    return path, count


def _trades(source: Source, symbol: str) -> Iterator[Row]:
    exchanges = _Ids()
    for number, cells in enumerate(_rows(source, symbol, "trade"), start=1):
        at = _ns(source.day, cells[0])
        yield {
            "conditions": _conditions(int(cells[4], 16)),
            "correction": "0",
            "exchange": exchanges[cells[3]],
            "id": str(number),
            "participant_timestamp": at,
            "price": _dollars(int(cells[1])),
            "sequence_number": str(number),
            "sip_timestamp": at,
            "size": cells[2],
            "tape": "1",
            "trf_id": "0",
            "trf_timestamp": "0",
        }


def _quotes(source: Source, symbol: str) -> Iterator[Row]:
    best: dict[str, dict[str, tuple[int, str]]] = {"bid": {}, "ask": {}}
    exchanges = _Ids()
    for number, cells in enumerate(_rows(source, symbol, "quote"), start=1):
        at, exchange = _ns(source.day, cells[0]), cells[5]
        for side, price, size in (("bid", cells[1], cells[2]), ("ask", cells[3], cells[4])):
            if price != "0":
                best[side][exchange] = (int(price), size)
        yield {
            "conditions": "1",
            "participant_timestamp": at,
            "sequence_number": str(number),
            "sip_timestamp": at,
            "tape": "1",
            "trf_timestamp": "0",
            **_side("bid", best["bid"], exchanges, max),
            **_side("ask", best["ask"], exchanges, min),
        }


def _side(side: str, quoted: dict[str, tuple[int, str]], exchanges: "_Ids", choose: Choice) -> Row:
    if not quoted:
        return {f"{side}_price": "0", f"{side}_size": "0", f"{side}_exchange": "0"}
    exchange = choose(sorted(quoted), key=lambda each: quoted[each][0])
    price, size = quoted[exchange]
    return {f"{side}_price": _dollars(price), f"{side}_size": size, f"{side}_exchange": exchanges[exchange]}


class _Ids(dict[str, str]):
    """A number for each exchange letter: its place in the alphabet."""

    def __missing__(self, letter: str) -> str:
        return str(ord(letter) - ord("A") + 1)


def lean_rows(path: Path) -> Iterator[list[str]]:
    """The rows of the one CSV in a LEAN zip; none where there is no such file."""
    if not path.exists():
        return
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
        yield from csv.reader(io.TextIOWrapper(file, "ascii"))


def _rows(source: Source, symbol: str, kind: str) -> Iterator[list[str]]:
    return lean_rows(source.folder / symbol.lower() / f"{source.day:%Y%m%d}_{kind}.zip")


def _conditions(bits: int) -> str:
    found = {number for bit, number in _CONDITION_OF_BIT.items() if bits & bit}
    return ",".join(str(number) for number in sorted(found))


def _dollars(price: int) -> str:
    return f"{price // 10_000}.{price % 10_000:04d}"


def _ns(day: date, milliseconds: str) -> str:
    midnight = datetime.combine(day, time(0), NEW_YORK)
    return str((int(midnight.timestamp()) * 1000 + int(milliseconds)) * 1_000_000)


def lean_bars(minute_folder: Path, symbol: str, day: date) -> Iterator[tuple[object, ...]]:
    """LEAN's own minute bars: provider, symbol, day, start (UTC), open, high, low, close, volume."""
    midnight = datetime.combine(day, time(0), NEW_YORK).astimezone(UTC)
    for cells in lean_rows(minute_folder / symbol.lower() / f"{day:%Y%m%d}_trade.zip"):
        prices = (Decimal(cell) / 10_000 for cell in cells[1:5])
        at = midnight + timedelta(milliseconds=int(cells[0]))
        yield ("massive", symbol, day, at, *prices, Decimal(cells[5]))


def replace_price(path: Path, line: int) -> Path:
    """A republished version of a trades file, beside it: one line has another price."""
    changed = path.with_name(f"republished.{path.name}")
    with gzip.open(path, "rt", newline="") as old, gzip.open(changed, "wt", newline="") as new:
        rows, writer = csv.reader(old), csv.writer(new)
        header = next(rows)
        writer.writerow(header)
        for number, row in enumerate(rows, start=1):
            if number == line:
                row[header.index("price")] = "1.2345"
            writer.writerow(row)
    return changed
