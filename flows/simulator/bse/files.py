"""Bhavcopies as the Bombay exchange writes them: two older layouts in a zip, and UDiFF."""

import io
import zipfile
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from flows.simulator.bse.instruments import Scrip
from flows.simulator.market.series_point import SeriesPoint

_LEGACY_HEADER: Final = (
    "SC_CODE,SC_NAME,SC_GROUP,SC_TYPE,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,NO_TRADES,NO_OF_SHRS,"
    "NET_TURNOV,TDCLOINDI"
)
_ISIN_HEADER: Final = f"{_LEGACY_HEADER},ISIN_CODE,TRADING_DATE,FILLER2,FILLER3"
_UDIFF_HEADER: Final = (
    "TradDt,BizDt,Sgmt,Src,FinInstrmTp,FinInstrmId,ISIN,TckrSymb,SctySrs,XpryDt,FininstrmActlXpryDt,StrkPric,"
    "OptnTp,FinInstrmNm,OpnPric,HghPric,LwPric,ClsPric,LastPric,PrvsClsgPric,UndrlygPric,SttlmPric,OpnIntrst,"
    "ChngInOpnIntrst,TtlTradgVol,TtlTrfVal,TtlNbOfTxsExctd,SsnId,NewBrdLotQty,Rmks,Rsvd1,Rsvd2,Rsvd3,Rsvd4"
)
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SHARES_PER_TRADE: Final = 50


class BhavcopyLine(NamedTuple):
    """The content of one line of a file."""

    scrip: Scrip
    bar: SeriesPoint
    previous_close: Decimal


def legacy_zip(lines: Sequence[BhavcopyLine], day: date, joined_pairs: int = 0) -> bytes:
    """The zip with 14 columns; `day` names the file inside.

    Each of the first `joined_pairs` pairs of lines is written as one line, a data fault.
    """
    texts = [_legacy_line(line) for line in lines]
    return _zip(f"EQ{day:%d%m%y}.CSV", _csv(_LEGACY_HEADER, texts, joined_pairs))


def isin_zip(lines: Sequence[BhavcopyLine], day: date, joined_pairs: int = 0) -> bytes:
    """The zip with 18 columns, ISIN and day included."""
    texts = [f"{_legacy_line(line)},{line.scrip.isin},{_day(line)},," for line in lines]
    return _zip(f"EQ_ISINCODE_{day:%d%m%y}.CSV", _csv(_ISIN_HEADER, texts, joined_pairs))


def udiff_csv(lines: Sequence[BhavcopyLine], day: date, joined_pairs: int = 0) -> bytes:  # noqa: ARG001 - all layouts have one signature
    """The plain CSV with 34 columns."""
    return _csv(_UDIFF_HEADER, [_udiff_line(line) for line in lines], joined_pairs)


def _legacy_line(line: BhavcopyLine) -> str:
    scrip, bar = line.scrip, line.bar
    kind = "B" if scrip.group in {"F", "G"} else "Q"
    prices = (bar.open, bar.high, bar.low, bar.close, bar.close, line.previous_close)
    cells = (scrip.code, f"{scrip.name:<12}", f"{scrip.group:<2}", kind, *prices)
    return ",".join(map(str, (*cells, _trades(bar), bar.volume, _turnover(bar), "")))


def _udiff_line(line: BhavcopyLine) -> str:
    scrip, bar = line.scrip, line.bar
    names = (scrip.code, scrip.isin, scrip.name, scrip.group, "", "", "", "", f"{scrip.name} LIMITED")
    prices = (bar.open, bar.high, bar.low, bar.close, bar.close, line.previous_close, "", bar.close)
    traded = (bar.volume, _turnover(bar), _trades(bar))
    cells = (bar.key, bar.key, "CM", "BSE", "STK", *names, *prices, "", "", *traded, "F1", 1, *[""] * 5)
    return ",".join(map(str, cells))


def _day(line: BhavcopyLine) -> str:
    """The day as `07-Feb-22`, in any locale."""
    day = date.fromisoformat(line.bar.key)
    return f"{day:%d}-{_MONTHS[day.month - 1]}-{day:%y}"


def _trades(bar: SeriesPoint) -> int:
    return 1 + (bar.volume or 0) // _SHARES_PER_TRADE


def _turnover(bar: SeriesPoint) -> str:
    """The turnover in rupees, without paise, as the exchange writes it."""
    return f"{(bar.volume or 0) * (bar.high + bar.low) / 2:.0f}.00"


def _csv(header: str, lines: Sequence[str], joined_pairs: int) -> bytes:
    pairs = [lines[at] + lines[at + 1] for at in range(0, 2 * joined_pairs, 2)]
    return ("\n".join((header, *pairs, *lines[2 * joined_pairs :])) + "\n").encode("ascii")


def _zip(name: str, content: bytes) -> bytes:
    """A zip without a creation time, so that it has the same bytes every time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
