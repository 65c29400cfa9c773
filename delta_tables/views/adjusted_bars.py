"""Adjusted bars as plain SQL: raw prices times the factors of the corporate actions known at an instant.

Silver is never restated; the factors are computed on read. There are two views:

`split`: prices / ratio and volume x ratio of the splits and bonuses with ex_dt > trade_dt.
`total`: prices also x (1 - amount / close of the previous session) for each dividend and capital gain with
ex_dt > trade_dt: the back-adjustment that Yahoo describes, after CRSP
(https://help.yahoo.com/kb/SLN28256.html); volume by splits only.

Bars that their provider adjusted for splits (`adjustment` = split) are stated in shares of the day on which
they were fetched, so only splits after that day are applied to them; the dividends of such a provider are per
share of that day as well. An action applies from its ex_dt on: one announced for later changes nothing yet.
Which provider's actions apply: delta_tables.views.adjustment_factors.

Prices are multiplied in double and rounded half up at eight decimals, volume at four, by the same arithmetic
on every engine; if no action applies, the stored value is returned with all its decimals.
"""
# ruff: noqa: S608 - the SQL is made of names and numbers of ours only

from datetime import datetime

from delta_tables.views.adjustment_factors import (
    NEAR_CASH,
    NEAR_RATIO,
    Parts,
    basis_dt_sql,
    changed_price_sql,
    changed_volume_sql,
    exact_price_sql,
    fetch_day,
    last_day_in_force,
    logarithm,
    ratio_sql,
    selected_actions,
    share_left_sql,
    split_days,
    step_of,
    steps,
    whole,
    with_parts,
)
from delta_tables.views.conditions import has_close, known_at

BARS_SPLIT_ADJUSTED = "silver.bars_split_adjusted"
BARS_TOTAL_ADJUSTED = "silver.bars_total_adjusted"

_BAR = (
    "provider",
    "symbol",
    "asset_class",
    "calendar",
    "interval",
    "timestamp",
    "trade_dt",
    "session",
    "kind",
)
_HISTORY = ("is_simulated", "known_from", "known_to", "payload_id", "position")
_HAS_CLOSE = has_close("b")
_LAST_DAY = "DATE '9999-12-31'"
_PRICES = ("open", "high", "low", "close")
COLUMNS = (*_BAR, "adjustment", *_PRICES, "volume", "split_ratio", "dividend_factor", *_HISTORY)


def split_adjusted_sql(bars: str, actions: str, as_of: datetime | None = None) -> str:
    """The SELECT of bars adjusted for splits and bonuses, with COLUMNS.

    split_ratio (double) is the divisor of the prices; dividend_factor is 1.

    Args:
        bars: name of a relation with the columns of silver.bars.
        actions: name of a relation with the columns of silver.corporate_actions.
        as_of: bars and factors as of this instant; None: current ones.

    Raises:
        ValueError: `as_of` has no time zone.
    """
    return f"{with_parts(_split_parts(bars, actions, as_of))} {_select('split_rows')}"


def total_adjusted_sql(bars: str, actions: str, as_of: datetime | None = None) -> str:
    """The SELECT of bars adjusted for splits and for cash paid out, with COLUMNS.

    dividend_factor (double) is the multiplier of the split-adjusted prices. Prices and factor are null
    before a payment that was not smaller than the previous close, since no factor can express it.

    Args:
        bars: name of a relation with the columns of silver.bars.
        actions: name of a relation with the columns of silver.corporate_actions.
        as_of: bars and factors as of this instant; None: current ones.

    Raises:
        ValueError: `as_of` has no time zone.
    """
    return f"{with_parts(_split_parts(bars, actions, as_of) | _cash_parts())} {_select('total_rows')}"


def _split_parts(bars: str, actions: str, as_of: datetime | None) -> Parts:
    """The common table expressions up to `split_rows`: every bar with its split-adjusted values."""
    known = known_at(as_of)
    return {
        "known_bars": f"SELECT *, {basis_dt_sql()} AS basis_dt FROM {bars} WHERE {known}",
        "known_actions": f"SELECT * FROM {actions} WHERE {known} AND ex_dt <= {last_day_in_force(as_of)}",
        "series": (
            "SELECT provider, symbol FROM known_bars UNION SELECT provider, symbol FROM known_actions"
        ),
        "split_days": split_days("known_actions", "true"),
        **selected_actions("split", "series", NEAR_RATIO),
        "split_steps": steps("split_selected", "sum(amount) OVER later AS log_sum"),
        "ratios": f"SELECT *, {ratio_sql('log_sum')} AS ratio FROM split_steps",
        "split_rows": _split_rows(),
    }


def _cash_parts() -> Parts:
    """The common table expressions from `split_rows` to `total_rows`."""
    sums = "sum(log) OVER later AS log_sum, sum(took_all) OVER later AS took_all"
    factor = f"CASE WHEN took_all > 0 THEN NULL ELSE {share_left_sql('log_sum')} END"
    return {
        "adjusters": "SELECT DISTINCT provider, symbol FROM known_bars WHERE adjustment = 'split'",
        "cash_days": _cash_days(),
        **selected_actions("cash", "series", NEAR_CASH),
        "sessions": _sessions(),
        "cash_logs": _cash_logs(),
        "cash_steps": steps("cash_logs", sums),
        "dividends": f"SELECT *, {factor} AS factor FROM cash_steps",
        "total_rows": _total_rows(),
    }


def _split_rows() -> str:
    is_raw = "r.ratio IS NULL OR r.ratio = 1"
    prices = [f"{_price(f'b.{name}', '/ r.ratio', is_raw)} AS {name}" for name in _PRICES]
    volume = changed_volume_sql("b.volume", "* r.ratio")
    return (
        f"SELECT {_names('b', _BAR)}, 'split' AS adjustment, {', '.join(prices)}, "
        f"CASE WHEN {is_raw} THEN b.volume ELSE {volume} END AS volume, "
        f"coalesce(r.ratio, 1e0) AS split_ratio, 1e0 AS dividend_factor, {_names('b', _HISTORY)} "
        f"FROM known_bars b LEFT JOIN ratios r ON {step_of('r', 'b', 'basis_dt')}"
    )


def _cash_days() -> str:
    """Cash paid on a day by provider, per newest share, in 1e-12 of the currency."""
    stated_dt = f"greatest(a.ex_dt, {fetch_day('a.known_from')})"
    paid = (
        "SELECT a.provider, a.symbol, a.ex_dt, CAST(a.amount AS DOUBLE) AS cash, "
        f"CASE WHEN w.provider IS NULL THEN a.ex_dt ELSE {stated_dt} END AS shares_dt "
        "FROM known_actions a LEFT JOIN adjusters w ON w.provider = a.provider AND w.symbol = a.symbol "
        "WHERE a.action IN ('dividend', 'capital_gain') AND a.amount > 0"
    )
    amount = whole("p.cash / coalesce(r.ratio, 1e0)", "1e12")
    return (
        f"SELECT p.provider, p.symbol, p.ex_dt, sum({amount}) AS amount FROM ({paid}) p "
        f"LEFT JOIN ratios r ON {step_of('r', 'p', 'shares_dt')} GROUP BY p.provider, p.symbol, p.ex_dt"
    )


def _sessions() -> str:
    """The days with a close of any provider, each with the next such day.

    They are found before the closes: ranking every bar of a lake to use a few takes fifty times as long.
    """
    days = f"SELECT DISTINCT b.symbol, b.trade_dt FROM known_bars b WHERE {_HAS_CLOSE}"
    following = "lead(trade_dt) OVER (PARTITION BY symbol ORDER BY trade_dt)"
    return f"SELECT symbol, trade_dt, coalesce({following}, {_LAST_DAY}) AS next_dt FROM ({days}) AS days"


def _cash_logs() -> str:
    """The logarithm of 1 - amount / close of each payment; `took_all` is 1 if nothing would be left.

    The close is that of the newest session before, from the series' own provider if it has that session, of
    the daily bar or otherwise of the last bar, and split-adjusted.
    """
    order = (
        "CASE WHEN b.provider = p.for_provider THEN 0 ELSE 1 END, b.provider, "
        "CASE WHEN b.interval = '1day' THEN 0 ELSE 1 END, b.timestamp DESC, b.interval"
    )
    priced = (
        "SELECT p.for_provider, p.symbol, p.ex_dt, "
        f"CAST(p.amount AS DOUBLE) / 1e12 / {exact_price_sql('b.close')} AS share, row_number() OVER "
        f"(PARTITION BY p.for_provider, p.symbol, p.ex_dt ORDER BY {order}) AS choice FROM cash_selected p "
        "JOIN sessions s ON s.symbol = p.symbol AND s.trade_dt < p.ex_dt AND p.ex_dt <= s.next_dt "
        f"JOIN split_rows b ON b.symbol = p.symbol AND b.trade_dt = s.trade_dt AND {_HAS_CLOSE}"
    )
    return (
        "SELECT for_provider, symbol, ex_dt, CASE WHEN share < 1 THEN 0 ELSE 1 END AS took_all, "
        f"CASE WHEN share < 1 THEN {logarithm('1 - share')} ELSE 0 END AS log "
        f"FROM ({priced}) ranked WHERE choice = 1"
    )


def _total_rows() -> str:
    is_same = "d.for_provider IS NULL OR d.factor = 1"
    prices = [f"{_price(f'b.{name}', '* d.factor', is_same)} AS {name}" for name in _PRICES]
    return (
        f"SELECT {_names('b', _BAR)}, 'total' AS adjustment, {', '.join(prices)}, b.volume, b.split_ratio, "
        "CASE WHEN d.for_provider IS NULL THEN 1e0 ELSE d.factor END AS dividend_factor, "
        f"{_names('b', _HISTORY)} FROM split_rows b LEFT JOIN dividends d ON {step_of('d', 'b', 'trade_dt')}"
    )


def _price(name: str, change: str, is_same: str) -> str:
    return f"CASE WHEN {is_same} THEN {name} ELSE {changed_price_sql(name, change)} END"


def _names(row: str, names: tuple[str, ...]) -> str:
    return ", ".join(f"{row}.{name}" for name in names)


def _select(rows: str) -> str:
    return f"SELECT {_names('r', COLUMNS)} FROM {rows} r"
