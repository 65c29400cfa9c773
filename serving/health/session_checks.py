"""Checks across sessions: split-sized jumps, closes that never change, and sessions with few trades."""

from delta_tables.table import Table
from delta_tables.tables.gold import DAILY_KPIS
from serving.health.bar_checks import bar_rows
from serving.health.check import CheckScope, HealthCheck, Row
from serving.health.findings import CONSTANT, FEW_TRADES, SPLIT
from serving.health.slices import by_session, by_symbol

# Split ratios that are not whole numbers; every whole ratio from 2 to 100 is split-sized.
FRACTIONS = ((5, 4), (4, 3), (3, 2), (5, 3), (5, 2))
_MAX_SPLIT_RATIO = 100
_SERIES = 'provider, symbol, "interval"'
_BY_DAY = f"PARTITION BY {_SERIES} ORDER BY trade_dt"


def split_check(table: Table) -> HealthCheck:
    """Opens of a session that differ from the previous close by the ratio of a split.

    Previous close / open is near n:1 or 1:n (n up to 100), or near 5:4, 4:3, 3:2, 5:3, 5:2 or their inverses,
    and silver.corporate_actions has no split or bonus of the symbol on that day. In prices that the provider
    adjusted for splits, no action explains a jump. Stocks and funds only.
    """

    def sql(scope: CheckScope) -> str:
        size = "greatest(ratio, 1 / ratio)"
        return (
            f"WITH {_sessions(table, scope.where)}, "  # noqa: S608 - our names, escaped values
            f"pairs AS (SELECT *, lag(last_close) OVER ({_BY_DAY}) AS before_close, "
            f"lag(trade_dt) OVER ({_BY_DAY}) AS before_dt FROM sessions "
            "WHERE asset_class IN ('stock', 'fund')), "
            "jumps AS (SELECT *, before_close / first_open AS ratio FROM pairs WHERE before_dt IS NOT NULL), "
            f"sized AS (SELECT *, {size} AS size, {_nominal(size, scope.thresholds.split_tolerance_pct)} "
            "AS nominal FROM jumps) "
            f"SELECT {_SERIES}, before_dt AS started_at, trade_dt AS ended_at, ratio AS measured, "
            "CASE WHEN ratio >= 1 THEN nominal ELSE 1 / nominal END AS threshold, size AS severity, "
            "nominal, before_close, first_open, adjustment "
            f"FROM sized LEFT JOIN ({scope.known_splits}) ON known_symbol = symbol AND ex_dt = trade_dt "
            "WHERE nominal IS NOT NULL AND (ex_dt IS NULL OR adjustment <> 'raw')"
        )

    return HealthCheck(SPLIT, by_symbol, sql, _split_message)


def constant_check(table: Table) -> HealthCheck:
    """Closes that stay the same for `constant_sessions` or more in a row."""

    def sql(scope: CheckScope) -> str:
        return (
            f"WITH {_sessions(table, scope.where)}, "  # noqa: S608 - our names, escaped values
            "changes AS (SELECT *, CASE WHEN last_close = lag(last_close) OVER "
            f"({_BY_DAY}) THEN 0 ELSE 1 END AS is_change FROM sessions), "
            f"runs AS (SELECT *, sum(is_change) OVER ({_BY_DAY} "
            "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS run FROM changes) "
            f"SELECT {_SERIES}, min(trade_dt) AS started_at, max(trade_dt) AS ended_at, "
            f"count(*) AS measured, {scope.thresholds.constant_sessions} AS threshold, "
            f"count(*) AS severity, min(last_close) AS close FROM runs GROUP BY {_SERIES}, run "
            f"HAVING count(*) >= {scope.thresholds.constant_sessions}"
        )

    def message(row: Row) -> str:
        return f"the close is {row['close']:g} in {row['measured']} consecutive sessions"

    return HealthCheck(CONSTANT, by_symbol, sql, message)


def few_trades_check(table: Table) -> HealthCheck:
    """Sessions with less volume than `min_volume`, or with fewer than `min_bars_pct` of the expected bars.

    Expected bars are expected_bars of gold.daily_kpis; in silver.bars, the largest number of bars of any
    symbol with the same calendar, interval and session. Where a market reports no volume, only bars count.
    """

    def sql(scope: CheckScope) -> str:
        thresholds = scope.thresholds
        few_bars = f"100.0 * bars < {thresholds.min_bars_pct} * expected"
        is_few_volume = f"volume < {thresholds.min_volume}"
        return (
            f"WITH {_sessions(table, scope.where)}, "  # noqa: S608 - our names, escaped values
            f"counted AS (SELECT *, {_expected(table)} AS expected FROM sessions) "
            f"SELECT {_SERIES}, trade_dt AS started_at, trade_dt AS ended_at, "
            f"CASE WHEN {few_bars} THEN bars ELSE volume END AS measured, "
            f"CASE WHEN {few_bars} THEN expected * {thresholds.min_bars_pct} / 100.0 "
            f"ELSE {thresholds.min_volume} END AS threshold, "
            f"CASE WHEN {few_bars} THEN 1.0 - 1.0 * bars / expected ELSE 1.0 END AS severity, "
            f"{few_bars} AS is_few_bars, expected "
            f"FROM counted WHERE ({few_bars} OR {is_few_volume}) AND {scope.selected}"
        )

    return HealthCheck(FEW_TRADES, by_session, sql, _few_trades_message, needs_all_symbols=True)


def _split_message(row: Row) -> str:
    n = next((f"{up}-for-{down}" for up, down in FRACTIONS if up / down == row["nominal"]), "")
    n = n or f"{row['nominal']:g}-for-1"
    kind = "split" if row["measured"] >= 1 else "reverse split"
    because = (
        f"no split or bonus is known on {row['ended_at']}"
        if row["adjustment"] == "raw"
        else "the provider adjusts these prices for splits"
    )
    return (
        f"opens at {row['first_open']:g} after a close of {row['before_close']:g}, "
        f"the size of a {n} {kind}; {because}"
    )


def _few_trades_message(row: Row) -> str:
    if row["is_few_bars"]:
        return f"{row['measured']:g} of {row['expected']:g} expected bars"
    return f"a volume of {row['measured']:g}, less than {row['threshold']:g}"


def _expected(table: Table) -> str:
    if table == DAILY_KPIS:
        return "expected_bars"
    return 'max(bars) OVER (PARTITION BY calendar, "interval", trade_dt)'


def _sessions(table: Table, where: str) -> str:
    """The common table expression `sessions`: one row per series and session."""
    return (
        f"prints AS ({bar_rows(table, where)}), sessions AS (SELECT {_SERIES}, trade_dt, "  # noqa: S608 - our names, escaped values
        "max(calendar) AS calendar, max(asset_class) AS asset_class, max(adjustment) AS adjustment, "
        "first_value(open ORDER BY at) AS first_open, last_value(close ORDER BY at) AS last_close, "
        "sum(bar_count) AS bars, max(expected_bars) AS expected_bars, sum(volume) AS volume "
        f"FROM prints GROUP BY {_SERIES}, trade_dt)"
    )


def _nominal(size: str, tolerance_pct: float) -> str:
    """The split ratio nearest to a jump, NULL if none is within the tolerance."""
    near = f"abs({size} / {{}} - 1) <= {tolerance_pct / 100}"
    cases = [f"WHEN {near.format(up / down)} THEN {up / down}" for up, down in FRACTIONS]
    whole = f"round({size})"
    cases.append(f"WHEN {whole} BETWEEN 2 AND {_MAX_SPLIT_RATIO} AND {near.format(whole)} THEN {whole}")
    return f"CASE {' '.join(cases)} END"
