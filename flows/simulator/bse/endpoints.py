"""The Bombay exchange's download site: drawn bhavcopies in the layout of their day, named as simulated."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from typing import TYPE_CHECKING, Final

from flows.simulator.bse.files import Line, isin_zip, legacy_zip, udiff_csv
from flows.simulator.bse.instruments import SCRIPS, Scrip, close_of, draw_bar
from flows.simulator.data_faults import correct, drop_late
from flows.simulator.faults import Fault, FaultKind
from flows.simulator.http_response import Answer

if TYPE_CHECKING:  # the list of all protocols imports this one
    from flows.simulator.provider_simulator import HttpCall, Surroundings

_OUT_AT: Final = time(14, 30, tzinfo=UTC)  # 20:00 in India, which has no summer time
_UDIFF_SINCE: Final = date(2024, 7, 8)
_ISIN_SINCE: Final = date(2012, 1, 2)  # before, only the layout without ISINs; the simulator's choice
# Diwali evenings, Saturdays of switching sites, a Sunday of the budget: the calendar package lacks them.
_SPECIAL_SESSIONS: Final = (
    *(date(2024, 3, 2), date(2024, 5, 18), date(2024, 11, 1)),
    *(date(2025, 10, 21), date(2026, 2, 1), date(2026, 11, 8)),
)
_FIRST_DAY: Final = "1997-01-01"  # the calendar knows no earlier one


@dataclass(frozen=True)
class _Layout:
    """How one kind of file is named and written."""

    name: re.Pattern[str]
    date_format: str
    content_type: str
    render: Callable[[Sequence[Line], date, int], bytes]

    def day(self, file_name: str) -> date | None:
        """The day that such a file's name tells; None for any other name."""
        match = self.name.fullmatch(file_name)
        try:
            return datetime.strptime(match[1], self.date_format).replace(tzinfo=UTC).date() if match else None
        except ValueError:
            return None


_ZIP: Final = "application/x-zip-compressed"
_UDIFF: Final = _Layout(
    re.compile(r"BhavCopy_BSE_CM_0_0_0_(\d{8})_F_0000\.CSV"), "%Y%m%d", "text/csv", udiff_csv
)
_ISIN: Final = _Layout(re.compile(r"EQ_ISINCODE_(\d{6})\.zip"), "%d%m%y", _ZIP, isin_zip)
_LEGACY: Final = _Layout(re.compile(r"EQ(\d{6})_CSV\.ZIP"), "%d%m%y", _ZIP, legacy_zip)
_TEXT: Final = "text/plain; charset=utf-8"
_PAGE: Final = Answer(
    b"<!DOCTYPE html>\n<html><head><title>BSE (SIMULATED)</title></head><body>\n"
    + b"<!-- the site's menu -->\n" * 500
    + b"<p>The page that you look for is not here.</p></body></html>\n",
    "text/html; charset=utf-8",
)


class BseSpeaker:
    """Serves a session's file from 20:00 in India on; for every other day, a page with HTTP 200.

    Callers that do not look like a browser get 403. Faults of data: corrections and late_bars (of the whole
    file) as elsewhere; duplicates glues the first `bars` pairs of lines, so that nobody can read them;
    disorder serves what was in the file of the session before.
    """

    prefix = "/bse/"

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def function(self, call: HttpCall) -> tuple[str, str]:  # noqa: ARG002 - there is one dataset
        """The dataset, always of all scrips."""
        return "bhavcopy", "ALL"

    def answer(self, call: HttpCall, faults: tuple[Fault, ...]) -> Answer:
        """The file; the page where there is none; no bytes for the ISIN file of a day from before ISINs."""
        if "Mozilla/" not in call.headers.get("user-agent", "") or "referer" not in call.headers:
            return Answer(b"Access Denied", _TEXT, status=403)
        name = call.path.rpartition("/")[2]
        found = ((layout, layout.day(name)) for layout in (_UDIFF, _ISIN, _LEGACY))
        layout, day = next((pair for pair in found if pair[1]), (_UDIFF, None))
        is_of_its_time = day is not None and (layout is _UDIFF) == (day >= _UDIFF_SINCE)
        if day is None or not is_of_its_time or not self._is_out(day, faults):
            return _PAGE
        if layout is _ISIN and day < _ISIN_SINCE:
            return Answer(b"", layout.content_type)
        glued = sum(fault.bars for fault in faults if fault.kind is FaultKind.DUPLICATES)
        body = layout.render(self._lines(day, faults), day, min(glued, len(SCRIPS) // 2))
        return Answer(body, layout.content_type, headers=(("X-Simulated", "true"),))

    def too_many(self) -> Answer:
        """HTTP 429, with a minute to wait."""
        return Answer(b"Too Many Requests", _TEXT, status=429, headers=(("Retry-After", "60"),))

    def _is_out(self, day: date, faults: tuple[Fault, ...]) -> bool:
        now, published_at = self._around.clock.now(), datetime.combine(day, _OUT_AT)
        if day not in sessions() or now < published_at:
            return False
        # The file stands for its bars: late ones are all late.
        newest = draw_bar(self._around.market.seed, SCRIPS[0], day, published_at)
        return bool(drop_late((newest,), faults, now))

    def _lines(self, day: date, faults: tuple[Fault, ...]) -> list[Line]:
        is_other_day = any(fault.kind is FaultKind.DISORDER for fault in faults)
        told = _session_before(day) if is_other_day else day
        before = _session_before(told)
        return [self._line(scrip, told, before, faults) for scrip in SCRIPS]

    def _line(self, scrip: Scrip, day: date, before: date, faults: tuple[Fault, ...]) -> Line:
        seed = self._around.market.seed
        drawn = draw_bar(seed, scrip, day, datetime.combine(day, _OUT_AT))
        (bar,) = correct((drawn,), faults, scrip.code, self._around.clock.now())
        return Line(scrip, bar, close_of(seed, scrip, before))


@cache
def sessions() -> tuple[date, ...]:
    """The exchange's sessions, oldest first."""
    import exchange_calendars  # noqa: PLC0415 - imports for over a second; most simulators do without

    calendar = exchange_calendars.get_calendar("XBOM", start=_FIRST_DAY)
    return tuple(sorted({*(session.date() for session in calendar.sessions), *_SPECIAL_SESSIONS}))


def _session_before(day: date) -> date:
    return sessions()[max(0, bisect_left(sessions(), day) - 1)]
