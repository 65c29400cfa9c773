"""Bars of an export adjusted for splits and dividends, as delta_tables.adjusted_views says."""

from datetime import date

from delta_tables.table import Table
from serving.bars import ADJUSTED
from serving.errors import ServingError
from serving.export_layouts import Layout
from serving.export_request import ExportRequest, range_condition, symbol_condition, window_condition


def check_adjusted(layout: Layout, request: ExportRequest) -> None:
    """Refuses what cannot be adjusted.

    Raises:
        ServingError: there is no such adjustment, or the layout has none.
    """
    if request.adjusted not in ADJUSTED:
        raise ServingError(
            f"--adjusted {str(request.adjusted)[:40]!r}: bars can be adjusted for {' or '.join(ADJUSTED)}"
        )
    if not layout.is_by_symbol:
        raise ServingError(
            f"{layout.table.full_name} is exported as stored; --adjusted is for intraday and daily"
        )


def adjusted_relation(table: Table, request: ExportRequest, first: date, last: date) -> str:
    """What stands for `stored` in a query of adjusted bars: among others those of the sessions asked for.

    A payment is a share of the close before it, of the daily bar or else of the session's last: for
    `total` all daily bars are read, and the others to the end.
    """
    needed = window_condition(table, first, last)
    if request.adjusted == "total":
        needed = f"\"interval\" = '1day' OR ({range_condition(table, first, None)})"
    of_symbols = symbol_condition(request)
    bars = f"(SELECT * FROM stored WHERE {of_symbols} AND ({needed})) AS its_bars"  # noqa: S608 - checked
    actions = f"(SELECT * FROM actions WHERE {of_symbols}) AS its_actions"  # noqa: S608 - checked
    view = ADJUSTED[str(request.adjusted)](bars, actions, request.as_of)
    return f"({view}) AS adjusted"
