"""Gaps, outliers and thin sessions in trades and quotes."""

from delta_tables.table import Table
from delta_tables.tables.silver_ticks import TRADES
from serving.health.check import CheckScope, HealthCheck, Row
from serving.health.findings import FEW_TRADES, GAP, OUTLIER
from serving.health.slices import by_session_and_symbol

_SERIES = "provider, symbol, trade_dt"
_MIN_NEIGHBOURS = 20
_NS = 1_000_000_000
_MIN_SIGMA = 0.0001


def gap_check(table: Table) -> HealthCheck:
    """Neighbouring trades or quotes of a regular session that are further apart than `gap_minutes`.

    The session is divided into slots of `gap_minutes`. Two ticks of one slot cannot be further apart, so the
    first and the last tick of each slot are sufficient, and ticks need not be sorted.
    """

    def sql(scope: CheckScope) -> str:
        limit_ns = int(scope.thresholds.gap_minutes * 60 * _NS)
        return (
            f"WITH slots AS (SELECT {_SERIES}, sip_timestamp_ns / {limit_ns} AS slot, "  # noqa: S608 - our names, escaped values
            "min(sip_timestamp_ns) AS first_ns, max(sip_timestamp_ns) AS last_ns FROM stored "
            f"WHERE {scope.where} AND session = 'regular' GROUP BY 1, 2, 3, 4), "
            f"steps AS (SELECT *, lag(last_ns) OVER (PARTITION BY {_SERIES} ORDER BY slot) AS before_ns "
            "FROM slots) "
            f"SELECT provider, symbol, 'tick' AS \"interval\", {_instant('before_ns')} AS started_at, "
            f"{_instant('first_ns')} AS ended_at, (first_ns - before_ns) / {_NS}.0 AS measured, "
            f"{limit_ns / _NS} AS threshold, (first_ns - before_ns) / {limit_ns}.0 AS severity "
            f"FROM steps WHERE first_ns - before_ns > {limit_ns}"
        )

    def message(row: Row) -> str:
        return f"no {_tick_name(table)} for {row['measured'] / 60:.2f} minutes inside the regular session"

    return HealthCheck(GAP, by_session_and_symbol, sql, message)


def outlier_check(table: Table) -> HealthCheck:
    """Prices whose logarithm is beyond `sigmas` standard deviations of the prices around them.

    The measure is |ln p_i - m_i| / s_i, where m_i and s_i are mean and standard deviation (n - 1) of ln p of
    the `window` ticks around it in the regular session, half before and half after in sequence order; p_i is
    left out, so that it cannot hide itself. Source: C. T. Brownlees and G. M. Gallo, Financial econometric
    analysis at ultra-high frequency: Data handling concerns, Computational Statistics and Data Analysis 51
    (2006) 2232-2245, section 3.1, with a plain instead of their trimmed mean; their granularity, the
    smallest s_i, is one tick here (0.01; 0.0001 below a price of 1), or 0.0001 of the price if that is more.

    Only trades that count for high and low are checked (not late reports and average prices), and the mid
    price of two-sided quotes that are not crossed. Not checked: prices with fewer than 20 (or half the
    window) around them.
    """

    def sql(scope: CheckScope) -> str:
        half = max(1, scope.thresholds.window // 2)
        min_neighbours = min(_MIN_NEIGHBOURS, max(2, half))
        around = (
            f"ORDER BY sequence_number, sip_timestamp_ns ROWS BETWEEN {half} PRECEDING AND {half} FOLLOWING"
        )
        deviation = "abs(x - mean) / sigma"
        return (
            f"WITH prints AS ({_prices(table, scope.where)}), "  # noqa: S608 - our names, escaped values
            # from the session's first price, so that squares do not lose the digits that matter
            f"logs AS (SELECT *, ln(price / first_value(price) OVER (PARTITION BY {_SERIES} "
            "ORDER BY sequence_number, sip_timestamp_ns)) AS x FROM prints), "
            f"sums AS (SELECT *, count(x) OVER near - 1 AS n, sum(x) OVER near - x AS total, "
            f"sum(x * x) OVER near - x * x AS squares FROM logs "
            f"WINDOW near AS (PARTITION BY {_SERIES} {around})), "
            f"scored AS (SELECT *, total / n AS mean, greatest(sqrt(greatest((squares - total * total / n) "
            f"/ (n - 1), 0.0)), {_MIN_SIGMA}, CASE WHEN price >= 1 THEN 0.01 ELSE 0.0001 END / price) "
            f"AS sigma FROM sums WHERE n >= {min_neighbours}) "
            f"SELECT provider, symbol, 'tick' AS \"interval\", {_instant('sip_timestamp_ns')} AS started_at, "
            f"{_instant('sip_timestamp_ns')} AS ended_at, {deviation} AS measured, "
            f"{scope.thresholds.sigmas} AS threshold, {deviation} AS severity, price, x - mean AS r, sigma, "
            "price / exp(x - mean) AS usual, sequence_number "
            f"FROM scored WHERE {deviation} > {scope.thresholds.sigmas}"
        )

    return HealthCheck(OUTLIER, by_session_and_symbol, sql, _outlier_message)


def few_trades_check(_table: Table) -> HealthCheck:
    """Sessions with fewer trades than `min_trades`."""

    def sql(scope: CheckScope) -> str:
        min_trades = scope.thresholds.min_trades
        return (
            "SELECT provider, symbol, 'tick' AS \"interval\", trade_dt AS started_at, trade_dt AS ended_at, "  # noqa: S608 - our names, escaped values
            f"count(*) AS measured, {min_trades} AS threshold, 1.0 / count(*) AS severity "
            f"FROM stored WHERE {scope.where} GROUP BY {_SERIES} HAVING count(*) < {min_trades}"
        )

    def message(row: Row) -> str:
        return f"{row['measured']} trades in the session, fewer than {row['threshold']}"

    return HealthCheck(FEW_TRADES, by_session_and_symbol, sql, message)


def _prices(table: Table, where: str) -> str:
    if table == TRADES:
        price, condition = "CAST(price AS DOUBLE)", "updates_high_low"
    else:
        price = "(CAST(bid_price AS DOUBLE) + CAST(ask_price AS DOUBLE)) / 2"
        condition = "NOT is_one_sided AND NOT is_crossed"
    return (
        f"SELECT {_SERIES}, sequence_number, sip_timestamp_ns, {price} AS price FROM stored "  # noqa: S608 - our names, escaped values
        f"WHERE {where} AND session = 'regular' AND {condition}"
    )


def _outlier_message(row: Row) -> str:
    return (
        f"{row['price']:g} where about {row['usual']:g} is expected: {row['r']:+.4f} in logarithms, "
        f"{row['measured']:.1f} times the baseline {row['sigma']:.4f}; sequence {row['sequence_number']}"
    )


def _tick_name(table: Table) -> str:
    return "trade" if table == TRADES else "quote"


def _instant(ns: str) -> str:
    return f"arrow_cast({ns} / 1000, 'Timestamp(Microsecond, Some(\"UTC\"))')"
