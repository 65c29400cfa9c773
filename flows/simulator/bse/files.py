"""Bhavcopies as the Bombay exchange writes them: two older layouts, zipped, and UDiFF."""

import io
import zipfile
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from flows.simulator.alphavantage.rendering import Point
from flows.simulator.bse.instruments import Scrip

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
_SHARES_A_TRADE: Final = 50


class Line(NamedTuple):
    """What one line of a file tells."""

    scrip: Scrip
    bar: Point
    previous_close: Decimal


def legacy_zip(lines: Sequence[Line], asked: date, glued: int = 0) -> bytes:
    """The zip of the 14 columns; `asked` is in the name inside, the first `glued` pairs of lines are one."""
    texts = [_legacy_line(line) for line in lines]
    return _zipped(f"EQ{asked:%d%m%y}.CSV", _joined(_LEGACY_HEADER, texts, glued))


def isin_zip(lines: Sequence[Line], asked: date, glued: int = 0) -> bytes:
    """The zip of the 18 columns, which hold ISIN and day as well."""
    texts = [f"{_legacy_line(line)},{line.scrip.isin},{_day(line)},," for line in lines]
    return _zipped(f"EQ_ISINCODE_{asked:%d%m%y}.CSV", _joined(_ISIN_HEADER, texts, glued))


def udiff_csv(lines: Sequence[Line], asked: date, glued: int = 0) -> bytes:  # noqa: ARG001 - one shape for all three
    """The plain CSV of 34 columns."""
    return _joined(_UDIFF_HEADER, [_udiff_line(line) for line in lines], glued)


def _legacy_line(line: Line) -> str:
    scrip, bar = line.scrip, line.bar
    kind = "B" if scrip.group in {"F", "G"} else "Q"
    prices = (bar.open, bar.high, bar.low, bar.close, bar.close, line.previous_close)
    cells = (scrip.code, f"{scrip.name:<12}", f"{scrip.group:<2}", kind, *prices)
    return ",".join(map(str, (*cells, _trades(bar), bar.volume, _turnover(bar), "")))


def _udiff_line(line: Line) -> str:
    scrip, bar = line.scrip, line.bar
    names = (scrip.code, scrip.isin, scrip.name, scrip.group, "", "", "", "", f"{scrip.name} LIMITED")
    prices = (bar.open, bar.high, bar.low, bar.close, bar.close, line.previous_close, "", bar.close)
    traded = (bar.volume, _turnover(bar), _trades(bar))
    cells = (bar.key, bar.key, "CM", "BSE", "STK", *names, *prices, "", "", *traded, "F1", 1, *[""] * 5)
    return ",".join(map(str, cells))


def _day(line: Line) -> str:
    """As `07-Feb-22`, in any locale."""
    day = date.fromisoformat(line.bar.key)
    return f"{day:%d}-{_MONTHS[day.month - 1]}-{day:%y}"


def _trades(bar: Point) -> int:
    return 1 + (bar.volume or 0) // _SHARES_A_TRADE


def _turnover(bar: Point) -> str:
    """In rupees, without the paisa, as the exchange writes it."""
    return f"{(bar.volume or 0) * (bar.high + bar.low) / 2:.0f}.00"


def _joined(header: str, texts: Sequence[str], glued: int) -> bytes:
    pairs = [texts[at] + texts[at + 1] for at in range(0, 2 * glued, 2)]
    return ("\n".join((header, *pairs, *texts[2 * glued :])) + "\n").encode("ascii")


def _zipped(name: str, content: bytes) -> bytes:
    """The same bytes every time: a zip otherwise holds the hour at which it was made."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
