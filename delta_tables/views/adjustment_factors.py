"""Price factors of corporate actions, as plain SQL: which provider's actions apply, and their products.

If several providers state actions of one symbol and day, those of one provider apply: the bar's own,
otherwise the first by name. Nearly equal actions (half a percent) at most four days apart are one action
with a wrong date at one provider (https://github.com/dpguthrie/yahooquery/issues/142).

A product is a sum of logarithms in whole numbers of 1e-13, so it does not depend on the order of the rows,
and it is exactly 0 if no action lies between two days. The SQL runs on Spark SQL, Sail, DataFusion
(delta-rs) and DuckDB.
"""
# ruff: noqa: S608 - the SQL is made of names and numbers of ours only

from datetime import datetime, timedelta

from delta_tables.tables.column_types import BAR_PRICE, BAR_SIZE
from delta_tables.views.conditions import as_utc, known_at

Parts = dict[str, str]

SPLITS = ("split", "bonus")  # the actions that change the number of shares by a ratio

NEAR_RATIO = "abs({0} - {1}) <= 50000000000"  # half a percent, of a logarithm in 1e-13
NEAR_CASH = "abs({0} - {1}) <= 0.005e0 * {0}"
_LOGARITHM = "1e13"
NEAR_DAYS = 4  # a long weekend; two real splits are never that close
# New York's evening is before the next day's split, and no exchange but New Zealand's closes before 05:00
# UTC, so a fetch after the close includes the day's split.
_EVENING_HOURS = 5
_FIRST_DAY = "DATE '1800-01-01'"


def selected_splits_sql(series: str, actions: str) -> str:
    """The SELECT of the splits that apply to each series, as known now: for_provider, symbol, ex_dt, log_sum.

    log_sum is ln(ratio) in 1e-13, a whole number; see ratio_sql.

    Args:
        series: name of a relation with provider and symbol.
        actions: name of a relation with the columns of silver.corporate_actions.
    """
    parts = {"split_days": split_days(actions, known_at(None))} | selected_actions(
        "split", series, NEAR_RATIO
    )
    return f"{with_parts(parts)} SELECT for_provider, symbol, ex_dt, amount AS log_sum FROM split_selected"


def ratio_sql(log_sum: str) -> str:
    """The SQL expression for the ratio (double) of a sum of logarithms; 1 if it is null or 0.

    Rounded half up at ten decimals; below 1 its inverse is rounded, so that 1:3 divides by exactly 1/3.
    """
    logarithm = f"CAST({log_sum} AS DOUBLE) / {_LOGARITHM}"
    return (
        f"CASE WHEN {log_sum} IS NULL OR {log_sum} = 0 THEN 1e0 "
        f"WHEN {log_sum} > 0 THEN floor(exp({logarithm}) * 1e10 + 0.5e0) / 1e10 "
        f"ELSE 1e10 / floor(exp(-({logarithm})) * 1e10 + 0.5e0) END"
    )


def share_left_sql(log_sum: str) -> str:
    """The SQL expression for a share below 1 (double) of a sum of logarithms; 1 if it is null or 0.

    Rounded half up at ten decimals.
    """
    share = f"floor(exp(CAST({log_sum} AS DOUBLE) / {_LOGARITHM}) * 1e10 + 0.5e0) / 1e10"
    return f"CASE WHEN {log_sum} IS NULL OR {log_sum} = 0 THEN 1e0 ELSE {share} END"


def basis_dt_sql() -> str:
    """The SQL expression for the date whose share count a bar is stated in: trade_dt, later if adjusted."""
    later = f"greatest(trade_dt, {fetch_day('known_from')})"
    return f"CASE WHEN adjustment = 'split' THEN {later} ELSE trade_dt END"


def fetch_day(known_from: str) -> str:
    """The SQL expression for the last day whose splits are included in a response of `known_from`."""
    return f"CAST({known_from} - INTERVAL '{_EVENING_HOURS}' HOUR AS DATE)"


def last_day_in_force(as_of: datetime | None) -> str:
    """The SQL of the last day whose actions apply at `as_of`, or now: today in the engine's time zone."""
    if as_of is None:
        return "current_date"
    return f"date '{(as_utc(as_of) - timedelta(hours=_EVENING_HOURS)).date().isoformat()}'"


def split_days(actions: str, condition: str) -> str:
    """The SELECT of provider, symbol, ex_dt and amount: the sum of the logarithms of the day's ratios.

    A ratio below 1 is stored with ten decimals; if its inverse is within that precision of a number with four
    decimals, the inverse is that number.
    """
    ratio = "CAST(ratio AS DOUBLE)"
    inverse = f"floor(10000 / {ratio} + 0.5e0) / 10000"
    is_inverse = f"ratio < 1 AND abs(1 / {ratio} - {inverse}) <= 1e-10 / ({ratio} * {ratio})"
    log = logarithm(f"CASE WHEN {is_inverse} THEN 1 / ({inverse}) ELSE {ratio} END")
    return (
        f"SELECT provider, symbol, ex_dt, sum({log}) AS amount FROM {actions} "
        f"WHERE {condition} AND action IN {SPLITS} AND ratio > 0 GROUP BY provider, symbol, ex_dt"
    )


def selected_actions(kind: str, series: str, is_near: str) -> Parts:
    """The common table expressions from `<kind>_days` to `<kind>_selected`: the actions that apply.

    Both have symbol, ex_dt and amount; `<kind>_days` has provider, `<kind>_selected` for_provider. `is_near`
    is the condition that two amounts ({0} and {1}) are of one action.
    """
    rank = "CASE WHEN d.provider = s.provider THEN '0' ELSE concat('1', d.provider) END"
    around = "OVER (PARTITION BY for_provider, symbol ORDER BY ex_dt)"
    names = ("ex_dt", "amount", "preference")
    neighbours = [f"{way}({name}) {around} AS {way}_{name}" for way in ("lag", "lead") for name in names]
    return {
        f"{kind}_ranked": (
            f"SELECT s.provider AS for_provider, d.symbol, d.ex_dt, d.amount, {rank} AS preference, "
            f"row_number() OVER (PARTITION BY s.provider, d.symbol, d.ex_dt ORDER BY {rank}) AS choice "
            f"FROM {series} s JOIN {kind}_days d ON d.symbol = s.symbol"
        ),
        f"{kind}_marked": f"SELECT *, {', '.join(neighbours)} FROM {kind}_ranked WHERE choice = 1",
        f"{kind}_selected": (
            f"SELECT for_provider, symbol, ex_dt, amount FROM {kind}_marked WHERE NOT {_is_repeat(is_near)}"
        ),
    }


def _is_repeat(is_near: str) -> str:
    """The condition that the previous action, or a preferred next one, is the same action on another day."""
    after_one = (
        f"lag_ex_dt >= ex_dt - INTERVAL '{NEAR_DAYS}' DAY AND {is_near.format('lag_amount', 'amount')} "
        "AND lag_preference <= preference"
    )
    before_one = (
        f"lead_ex_dt <= ex_dt + INTERVAL '{NEAR_DAYS}' DAY AND {is_near.format('lead_amount', 'amount')} "
        "AND lead_preference < preference"
    )
    return f"(coalesce({after_one}, false) OR coalesce({before_one}, false))"


def steps(relation: str, sums: str) -> str:
    """The SELECT of the intervals [from_dt, ex_dt) between actions.

    In `sums`, `OVER later` stands for the window of this action and all later ones.
    """
    series = "PARTITION BY for_provider, symbol ORDER BY ex_dt"
    later = f"OVER ({series} DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    return (
        f"SELECT for_provider, symbol, ex_dt, coalesce(lag(ex_dt) OVER ({series}), {_FIRST_DAY}) AS from_dt, "
        f"{sums.replace('OVER later', later)} FROM {relation}"
    )


def step_of(step: str, row: str, day: str) -> str:
    """The join condition of a row and the interval of its series that contains its `day`."""
    return (
        f"{step}.for_provider = {row}.provider AND {step}.symbol = {row}.symbol "
        f"AND {row}.{day} >= {step}.from_dt AND {row}.{day} < {step}.ex_dt"
    )


def changed_price_sql(price: str, change: str) -> str:
    """The SQL expression for a price changed by `change` ("/ ratio"), half up at eight decimals."""
    return _rounded(f"{exact_price_sql(price)} {change}", 8, BAR_PRICE.simpleString())


def changed_volume_sql(volume: str, change: str) -> str:
    """The SQL expression for a volume changed by `change` ("* ratio"), half up at four decimals."""
    return _rounded(f"CAST({volume} AS DOUBLE) {change}", 4, BAR_SIZE.simpleString())


def exact_price_sql(price: str) -> str:
    """The SQL expression for a price as a double; with eight decimals it is the same on every engine."""
    return f"CAST(CAST({price} AS DECIMAL(20,8)) AS DOUBLE)"


def _rounded(value: str, places: int, kind: str) -> str:
    step = f"CAST('0.{'1'.zfill(places)}' AS DECIMAL({places + 1},{places}))"
    return f"CAST(CAST({whole(value, f'1e{places}')} AS DECIMAL(19,0)) * {step} AS {kind})"


def logarithm(value: str) -> str:
    """The SQL expression for ln(value) in whole numbers of 1e-13."""
    return whole(f"ln({value})", _LOGARITHM)


def whole(value: str, scale: str) -> str:
    """The SQL expression for value x scale as a bigint, half up, without the engines' rounding of doubles."""
    return f"CAST(floor(({value}) * {scale} + 0.5e0) AS BIGINT)"


def with_parts(parts: Parts) -> str:
    """The WITH clause of named SELECTs."""
    return "WITH " + ", ".join(f"{name} AS ({text})" for name, text in parts.items())
