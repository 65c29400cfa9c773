"""Bars of an export adjusted for splits and dividends, as delta_tables.views.adjusted_bars says."""

from serving.bars.as_of import ADJUSTMENTS
from serving.bars.dividend_closes import DividendCloses, RunSql, find_dividend_closes
from serving.errors import ServingError
from serving.export.layouts import Layout
from serving.export.request import ExportRequest, symbol_condition


def check_adjusted(layout: Layout, request: ExportRequest) -> None:
    """Refuses what cannot be adjusted.

    Raises:
        ServingError: there is no such adjustment, or the layout has none.
    """
    if request.adjusted not in ADJUSTMENTS:
        raise ServingError(
            f"--adjusted {str(request.adjusted)[:40]!r}: bars can be adjusted for {' or '.join(ADJUSTMENTS)}"
        )
    if not layout.is_by_symbol:
        raise ServingError(
            f"{layout.table.full_name} is exported as stored; --adjusted is for intraday and daily"
        )


def find_closes(run_sql: RunSql, request: ExportRequest) -> DividendCloses:
    """The closes that the export's factors for cash rest on, sought once in all bars; none for `split`.

    Raises:
        LakeError: a data file is damaged or missing.
    """
    if request.adjusted != "total":
        return DividendCloses({}, {})
    return find_dividend_closes(run_sql, symbol_condition(request), request.as_of)


def adjusted_relation(request: ExportRequest, rows: str, closes: str, of_symbols: str) -> str:
    """What stands for `stored` in a query of adjusted bars, made of no more bars than needed.

    `rows` are those asked for and `closes` those beside them that their factors rest on, as SQL conditions;
    `of_symbols` holds for the bars and the actions of all of them.
    """
    needed = f"({of_symbols}) AND (({rows}) OR {closes})"
    bars = f"(SELECT * FROM stored WHERE {needed}) AS its_bars"  # noqa: S608 - checked
    actions = f"(SELECT * FROM actions WHERE {of_symbols}) AS its_actions"  # noqa: S608 - checked
    view = ADJUSTMENTS[str(request.adjusted)](bars, actions, request.as_of)
    return f"({view}) AS adjusted"
