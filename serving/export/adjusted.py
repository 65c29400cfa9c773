"""Adjusted bars of an export, computed by delta_tables.views.adjusted_bars."""

from serving.bars.as_of import ADJUSTMENTS
from serving.bars.dividend_closes import DividendCloses, RunSql, find_dividend_closes
from serving.errors import ServingError
from serving.export.layouts import Layout
from serving.export.request import ExportRequest, symbol_condition


def check_adjusted(layout: Layout, request: ExportRequest) -> None:
    """Returns if the request's adjustment exists and the layout supports it.

    Raises:
        ServingError: there is no such adjustment, or the layout does not support adjustments.
    """
    if request.adjusted not in ADJUSTMENTS:
        raise ServingError(
            f"--adjusted must be {' or '.join(ADJUSTMENTS)}, not {str(request.adjusted)[:40]!r}"
        )
    if not layout.is_by_symbol:
        raise ServingError(
            f"{layout.table.full_name} is exported as stored; --adjusted applies to intraday and daily only"
        )


def find_closes(run_sql: RunSql, request: ExportRequest) -> DividendCloses:
    """The closes that the export's factors for cash need, found once in all bars; none for `split`.

    Raises:
        LakeError: a data file is damaged or missing.
    """
    if request.adjusted != "total":
        return DividendCloses({}, {})
    return find_dividend_closes(run_sql, symbol_condition(request), request.as_of)


def adjusted_relation(request: ExportRequest, rows: str, closes: str, of_symbols: str) -> str:
    """The relation that replaces `stored` in a query of adjusted bars, computed from the needed bars only.

    `rows` and `closes` are SQL conditions: for the requested bars, and for the other bars that their factors
    need. `of_symbols` is a condition on the bars and the actions of all of them.
    """
    needed = f"({of_symbols}) AND (({rows}) OR {closes})"
    bars = f"(SELECT * FROM stored WHERE {needed}) AS needed_bars"  # noqa: S608 - checked
    actions = f"(SELECT * FROM actions WHERE {of_symbols}) AS needed_actions"  # noqa: S608 - checked
    view = ADJUSTMENTS[str(request.adjusted)](bars, actions, request.as_of)
    return f"({view}) AS adjusted"
