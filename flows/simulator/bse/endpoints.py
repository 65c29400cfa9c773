"""The Bombay exchange's download site: generated bhavcopies, each in the layout of its day."""

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Final

from flows.simulator.bse.files import BhavcopyLine, isin_zip, legacy_zip, udiff_csv
from flows.simulator.bse.instruments import SCRIPS, Scrip, closing_price, generate_bar
from flows.simulator.data_faults import correct_points, drop_late_points
from flows.simulator.faults import Fault, FaultKind, faults_of_kind
from flows.simulator.http_response import HTML_TYPE, SIMULATED_HEADER, TEXT_TYPE, SimulatedResponse
from flows.simulator.provider_simulator import SimulatedRequest, SimulatorContext

_PUBLICATION_TIME: Final = time(14, 30, tzinfo=UTC)  # 20:00 in India, which has no daylight saving time
_UDIFF_SINCE: Final = date(2024, 7, 8)
_ISIN_SINCE: Final = date(2012, 1, 2)  # the simulator's choice; before it, only the layout without ISINs
# Diwali evenings, Saturdays of disaster-recovery tests, a budget Sunday: the calendar package lacks them.
_SPECIAL_SESSIONS: Final = (
    *(date(2024, 3, 2), date(2024, 5, 18), date(2024, 11, 1)),
    *(date(2025, 10, 21), date(2026, 2, 1), date(2026, 11, 8)),
)
_CALENDAR_START: Final = "1997-01-01"  # the calendar package has no earlier sessions


@dataclass(frozen=True)
class _Layout:
    """The name and the format of one kind of file."""

    name: re.Pattern[str]
    date_format: str
    content_type: str
    render: Callable[[Sequence[BhavcopyLine], date, int], bytes]

    def day(self, file_name: str) -> date | None:
        """The day in such a file's name; None for any other name."""
        match = self.name.fullmatch(file_name)
        try:
            return datetime.strptime(match[1], self.date_format).replace(tzinfo=UTC).date() if match else None
        except ValueError:
            return None


_ZIP_TYPE: Final = "application/x-zip-compressed"
_UDIFF: Final = _Layout(
    re.compile(r"BhavCopy_BSE_CM_0_0_0_(\d{8})_F_0000\.CSV"), "%Y%m%d", "text/csv", udiff_csv
)
_ISIN: Final = _Layout(re.compile(r"EQ_ISINCODE_(\d{6})\.zip"), "%d%m%y", _ZIP_TYPE, isin_zip)
_LEGACY: Final = _Layout(re.compile(r"EQ(\d{6})_CSV\.ZIP"), "%d%m%y", _ZIP_TYPE, legacy_zip)
_MISSING_FILE_PAGE: Final = SimulatedResponse(
    b"<!DOCTYPE html>\n<html><head><title>BSE (SIMULATED)</title></head><body>\n"
    + b"<!-- the site's menu -->\n" * 500
    + b"<p>The page that you look for is not here.</p></body></html>\n",
    HTML_TYPE,
)


class BseSimulator:
    """Serves a session's file from 20:00 in India on; for any other day, a page with HTTP 200.

    Clients that do not look like a browser get 403. Data faults: corrections as elsewhere; late_bars delays
    the whole file; duplicates joins the first `bars` pairs of lines, which makes them unreadable; disorder
    serves the content of the previous session.
    """

    prefix = "/bse/"

    def __init__(self, context: SimulatorContext) -> None:
        self._context = context

    def fault_target(self, request: SimulatedRequest) -> tuple[str, str]:  # noqa: ARG002 - one dataset only
        """The dataset, always with all scrips."""
        return "bhavcopy", "ALL"

    def respond(self, request: SimulatedRequest, faults: tuple[Fault, ...]) -> SimulatedResponse:
        """The file, or the page if there is none; an empty body for the ISIN file of a day before ISINs."""
        if "Mozilla/" not in request.headers.get("user-agent", "") or "referer" not in request.headers:
            return SimulatedResponse(b"Access Denied", TEXT_TYPE, status=403)
        layout, day = _layout_and_day(request.path.rpartition("/")[2])
        if day is None or (layout is _UDIFF) != (day >= _UDIFF_SINCE) or not self._is_published(day, faults):
            return _MISSING_FILE_PAGE
        if layout is _ISIN and day < _ISIN_SINCE:
            return SimulatedResponse(b"", layout.content_type)
        joined_pairs = sum(fault.bars for fault in faults_of_kind(FaultKind.DUPLICATES, faults))
        body = layout.render(self._lines(day, faults), day, min(joined_pairs, len(SCRIPS) // 2))
        return SimulatedResponse(body, layout.content_type, headers=(SIMULATED_HEADER,))

    def rate_limited(self) -> SimulatedResponse:
        """HTTP 429 with a Retry-After of one minute."""
        return SimulatedResponse(
            b"Too Many Requests", TEXT_TYPE, status=429, headers=(("Retry-After", "60"),)
        )

    def _is_published(self, day: date, faults: tuple[Fault, ...]) -> bool:
        now, published_at = self._context.clock.now(), datetime.combine(day, _PUBLICATION_TIME)
        if day not in bombay_sessions() or now < published_at:
            return False
        # All bars of a file are published together, so one of them shows whether the file is late.
        bar = generate_bar(self._context.market.seed, SCRIPS[0], day, published_at)
        return bool(drop_late_points((bar,), faults, now))

    def _lines(self, day: date, faults: tuple[Fault, ...]) -> list[BhavcopyLine]:
        content_day = _previous_session(day) if faults_of_kind(FaultKind.DISORDER, faults) else day
        previous = _previous_session(content_day)
        return [self._line(scrip, content_day, previous, faults) for scrip in SCRIPS]

    def _line(self, scrip: Scrip, day: date, previous: date, faults: tuple[Fault, ...]) -> BhavcopyLine:
        seed = self._context.market.seed
        generated = generate_bar(seed, scrip, day, datetime.combine(day, _PUBLICATION_TIME))
        (bar,) = correct_points((generated,), faults, scrip.code, self._context.clock.now())
        return BhavcopyLine(scrip, bar, closing_price(seed, scrip, previous))


@cache
def bombay_sessions() -> tuple[date, ...]:
    """The exchange's sessions, oldest first."""
    import exchange_calendars  # noqa: PLC0415 - the import takes over a second; most simulators never need it

    calendar = exchange_calendars.get_calendar("XBOM", start=_CALENDAR_START)
    return tuple(sorted({*(session.date() for session in calendar.sessions), *_SPECIAL_SESSIONS}))


def _layout_and_day(file_name: str) -> tuple[_Layout, date | None]:
    for layout in (_UDIFF, _ISIN, _LEGACY):
        if day := layout.day(file_name):
            return layout, day
    return _UDIFF, None


def _previous_session(day: date) -> date:
    return bombay_sessions()[max(0, bisect_left(bombay_sessions(), day) - 1)]
