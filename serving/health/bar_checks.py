"""Gaps and outliers among bars, and among the daily figures made of them."""

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
    """A SELECT of the bars, or of the daily figures as bars of a session, under names that both share."""
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
    """Neighbouring bars of a session that begin further apart than the limit, or than their interval.

    A market that never closes has no sessions to gap between: there midnight is no border. A noon break of
    the exchange is not counted. Prices of an instant (snapshots) come some seconds early or late: they may
    be half an interval further apart.
    """

    def sql(scope: CheckScope) -> str:
        session = f"CASE WHEN calendar = '24/7' THEN {_NO_BORDER} ELSE trade_dt END"
        return (
            f"WITH prints AS ({bar_rows(table, scope.where)}), "  # noqa: S608 - our names, escaped values
            f"steps AS (SELECT *, lag(at) OVER (PARTITION BY {_SERIES}, {session} ORDER BY at) AS before_at, "
            f"{_interval_seconds()} AS step_seconds FROM prints), "
            f"gaps AS (SELECT *, extract(epoch FROM at) - extract(epoch FROM before_at) - {_break_seconds()} "
            f"AS measured, greatest({scope.limits.gap_minutes * 60.0}, step_seconds) "
            "+ CASE WHEN kind = 'snapshot' THEN step_seconds / 2.0 ELSE 0.0 END AS threshold "
            "FROM steps WHERE before_at IS NOT NULL) "
            f"SELECT {_SERIES}, before_at AS started_at, at AS ended_at, measured, threshold, "
            "measured / threshold AS severity FROM gaps WHERE measured > threshold"
        )

    return HealthCheck(GAP, by_symbol, sql, _gap_message)


def outlier_check(table: Table) -> HealthCheck:
    """Log returns of closes beyond so many sigmas of the returns before them.

    r_i = ln(close_i / close_i-1), within a session; of daily and longer bars, and where no market closes,
    from bar to bar. |r_i| / s_i with s_i^2 = pi/2 x mean of |r_j| |r_j-1| over the `window` returns before
    r_i, r_i left out: the realised bipower variation, which an outlier next to ordinary returns hardly
    moves, so that one cannot hide itself nor the one after it. Source: S. S. Lee and P. A. Mykland, Jumps
    in Financial Markets: A New Nonparametric Test and Jump Dynamics, Review of Financial Studies 21 (2008)
    2535-2563, definition 1; the factor pi/2 makes s_i a standard deviation (their c = sqrt(2/pi)).

    s_i is at least 0.0001, and of stocks at least one tick (0.01, below 1 it is 0.0001) of the price, so
    that a price which rarely moves is no outlier when it does. Not judged: a return with fewer than 20
    (or half the window) before it, and one on a day whose split or bonus is known.
    """

    def sql(scope: CheckScope) -> str:
        least = min(MIN_RETURNS, max(2, scope.limits.window // 2))
        before = f"ROWS BETWEEN {scope.limits.window} PRECEDING AND 1 PRECEDING"
        border = f"CASE WHEN calendar = '24/7' OR is_long THEN {_NO_BORDER} ELSE trade_dt END"
        by_time = f"PARTITION BY {_SERIES} ORDER BY at"
        return (
            f"WITH prints AS ({bar_rows(table, scope.where)}), "  # noqa: S608 - our names, escaped values
            f"steps AS (SELECT *, lag(close) OVER near AS before_close, lag(at) OVER near AS before_at "
            f"FROM prints WINDOW near AS (PARTITION BY {_SERIES}, {border} ORDER BY at)), "
            f"returns AS (SELECT *, CASE WHEN ex_dt IS NULL THEN ln(close / before_close) END AS r "
            f"FROM steps LEFT JOIN ({scope.explained}) "
            "ON known_symbol = symbol AND ex_dt = trade_dt AND is_long AND adjustment = 'raw'), "
            f"products AS (SELECT *, abs(r) * abs(lag(r) OVER ({by_time})) AS product FROM returns), "
            f"sigmas AS (SELECT *, count(product) OVER ({by_time} {before}) AS returns_before, "
            f"greatest(sqrt(pi() / 2 * avg(product) OVER ({by_time} {before})), {_min_sigma()}) AS sigma "
            "FROM products) "
            f"SELECT {_SERIES}, before_at AS started_at, at AS ended_at, abs(r) / sigma AS measured, "
            f"{scope.limits.sigmas} AS threshold, abs(r) / sigma AS severity, r, sigma, close, before_close "
            f"FROM sigmas WHERE returns_before >= {least} AND abs(r) > {scope.limits.sigmas} * sigma"
        )

    return HealthCheck(OUTLIER, by_symbol, sql, outlier_message)


def outlier_message(row: Row) -> str:
    """An outlier in words."""
    return (
        f"{row['close']:g} after {row['before_close']:g}: a log return of {row['r']:+.4f}, "
        f"{row['measured']:.1f} times the usual {row['sigma']:.4f}"
    )


def _gap_message(row: Row) -> str:
    return (
        f"no bar for {row['measured'] / 60:g} minutes inside the session; {row['threshold'] / 60:g} are usual"
    )


def _interval_seconds() -> str:
    cases = " ".join(f"WHEN '{name}' THEN {minutes * 60}" for name, minutes in INTERVAL_MINUTES.items())
    return f'CASE "interval" {cases} ELSE 0 END'


def _break_seconds() -> str:
    """The seconds of a noon break between two bars."""
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
