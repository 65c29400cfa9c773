"""Gaps and outliers in bars, and in the daily KPIs computed from them."""

from delta_tables.intervals import INTERVAL_MINUTES, LONG_INTERVALS, NOON_BREAKS
from delta_tables.table import Table
from delta_tables.tables.gold import DAILY_KPIS
from serving.health.check import CheckScope, HealthCheck, Row
from serving.health.findings import GAP, OUTLIER
from serving.health.slices import by_symbol
from serving.query.literals import literals

MIN_RETURNS = 20
_MIN_SIGMA = 0.0001
_NO_BORDER = "date '1970-01-01'"
_SERIES = 'provider, symbol, "interval"'


def bar_rows(table: Table, where: str) -> str:
    """A SELECT of the table's bars, or of the daily KPIs as one bar per session, with common column names."""
    shared = f"{_SERIES}, calendar, asset_class, trade_dt"
    numbers = ", ".join(f"CAST({name} AS DOUBLE) AS {name}" for name in ("open", "close", "volume"))
    if table == DAILY_KPIS:
        own = "'candle' AS kind, 'raw' AS adjustment, CAST(trade_dt AS TIMESTAMP) AS at, bar_count"
        own += ", expected_bars, true AS is_long"
    else:
        own = 'kind, adjustment, "timestamp" AS at, 1 AS bar_count, 0 AS expected_bars, '
        own += f'"interval" IN ({literals(LONG_INTERVALS)}) AS is_long'
    return f"SELECT {shared}, {own}, {numbers} FROM stored WHERE {where}"  # noqa: S608 - our names, escaped values


def gap_check(table: Table) -> HealthCheck:
    """Neighbouring bars of a session that start further apart than `gap_minutes` and than their interval.

    In a market that never closes, midnight does not separate neighbours. The exchange's noon break is not
    counted. Snapshots arrive some seconds early or late, so they may be half an interval further apart.
    """

    def sql(scope: CheckScope) -> str:
        session = f"CASE WHEN calendar = '24/7' THEN {_NO_BORDER} ELSE trade_dt END"
        return (
            f"WITH prints AS ({bar_rows(table, scope.where)}), "  # noqa: S608 - our names, escaped values
            f"steps AS (SELECT *, lag(at) OVER (PARTITION BY {_SERIES}, {session} ORDER BY at) AS before_at, "
            f"{_interval_seconds()} AS step_seconds FROM prints), "
            f"gaps AS (SELECT *, extract(epoch FROM at) - extract(epoch FROM before_at) - {_break_seconds()} "
            f"AS measured, greatest({scope.thresholds.gap_minutes * 60.0}, step_seconds) "
            "+ CASE WHEN kind = 'snapshot' THEN step_seconds / 2.0 ELSE 0.0 END AS threshold "
            "FROM steps WHERE before_at IS NOT NULL) "
            f"SELECT {_SERIES}, before_at AS started_at, at AS ended_at, measured, threshold, "
            "measured / threshold AS severity FROM gaps WHERE measured > threshold"
        )

    return HealthCheck(GAP, by_symbol, sql, _gap_message)


def outlier_check(table: Table) -> HealthCheck:
    """Log returns of closes beyond `sigmas` standard deviations of the returns before them.

    r_i = ln(close_i / close_i-1), within a session; for daily and longer bars, and in markets that never
    close, from bar to bar. The measure is |r_i| / s_i with s_i^2 = pi/2 x mean of |r_j| |r_j-1| over the
    `window` returns before r_i: the realised bipower variation, which a single outlier hardly changes, so
    that it hides neither itself nor the next one. Source: S. S. Lee and P. A. Mykland, Jumps in Financial
    Markets: A New Nonparametric Test and Jump Dynamics, Review of Financial Studies 21 (2008) 2535-2563,
    definition 1; the factor pi/2 makes s_i a standard deviation (their c = sqrt(2/pi)).

    s_i is at least 0.0001, and for stocks at least one tick (0.01; 0.0001 below a price of 1) relative to
    the price, so that a price which rarely moves is not an outlier when it does. Not checked: returns with
    fewer than 20 (or half the window) before them, and returns on the day of a known split or bonus.
    """

    def sql(scope: CheckScope) -> str:
        sigmas = scope.thresholds.sigmas
        min_returns = min(MIN_RETURNS, max(2, scope.thresholds.window // 2))
        before = f"ROWS BETWEEN {scope.thresholds.window} PRECEDING AND 1 PRECEDING"
        border = f"CASE WHEN calendar = '24/7' OR is_long THEN {_NO_BORDER} ELSE trade_dt END"
        by_time = f"PARTITION BY {_SERIES} ORDER BY at"
        return (
            f"WITH prints AS ({bar_rows(table, scope.where)}), "  # noqa: S608 - our names, escaped values
            f"steps AS (SELECT *, lag(close) OVER near AS before_close, lag(at) OVER near AS before_at "
            f"FROM prints WINDOW near AS (PARTITION BY {_SERIES}, {border} ORDER BY at)), "
            f"returns AS (SELECT *, CASE WHEN ex_dt IS NULL THEN ln(close / before_close) END AS r "
            f"FROM steps LEFT JOIN ({scope.known_splits}) "
            "ON known_symbol = symbol AND ex_dt = trade_dt AND is_long AND adjustment = 'raw'), "
            f"products AS (SELECT *, abs(r) * abs(lag(r) OVER ({by_time})) AS product FROM returns), "
            f"sigmas AS (SELECT *, count(product) OVER ({by_time} {before}) AS returns_before, "
            f"greatest(sqrt(pi() / 2 * avg(product) OVER ({by_time} {before})), {_min_sigma()}) AS sigma "
            "FROM products) "
            f"SELECT {_SERIES}, before_at AS started_at, at AS ended_at, abs(r) / sigma AS measured, "
            f"{sigmas} AS threshold, abs(r) / sigma AS severity, r, sigma, close, before_close "
            f"FROM sigmas WHERE returns_before >= {min_returns} AND abs(r) > {sigmas} * sigma"
        )

    return HealthCheck(OUTLIER, by_symbol, sql, outlier_message)


def outlier_message(row: Row) -> str:
    """The message for an outlier."""
    return (
        f"{row['close']:g} after {row['before_close']:g}: a log return of {row['r']:+.4f}, "
        f"{row['measured']:.1f} times the baseline {row['sigma']:.4f}"
    )


def _gap_message(row: Row) -> str:
    minutes, limit = row["measured"] / 60, row["threshold"] / 60
    return f"no bar for {minutes:g} minutes inside the session; the limit is {limit:g}"


def _interval_seconds() -> str:
    cases = " ".join(f"WHEN '{name}' THEN {minutes * 60}" for name, minutes in INTERVAL_MINUTES.items())
    return f'CASE "interval" {cases} ELSE 0 END'


def _break_seconds() -> str:
    """The length in seconds of the noon break between two bars, 0 if there is none."""
    second = "(CAST(extract(epoch FROM {}) AS BIGINT) % 86400)"
    before, after = second.format("before_at"), second.format("at")
    cases = " ".join(
        f"WHEN calendar = '{name}' AND {before} < {start} AND {after} >= {end} THEN {end - start}"
        for name, (start, end) in NOON_BREAKS.items()
    )
    return f"CASE {cases} ELSE 0 END"


def _min_sigma() -> str:
    tick = "CASE WHEN close >= 1 THEN 0.01 ELSE 0.0001 END / least(close, before_close)"
    stock = f"asset_class IN ('stock', 'fund') THEN greatest({tick}, {_MIN_SIGMA})"
    return f"CASE WHEN {stock} ELSE {_MIN_SIGMA} END"
