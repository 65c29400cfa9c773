"""What corporate actions make of prices, as plain SQL: whose word counts, and the product of all later ones.

Where several providers state actions of one symbol and day, those of one provider are taken: the bar's
own, else the first by name. Nearly equal ones (half a percent) at most four days apart are one action
whose date somebody has wrong (https://github.com/dpguthrie/yahooquery/issues/142).

A product is a sum of logarithms in whole numbers of 1e-13: no order of rows changes it, and where no action
lies between two days it is exactly nothing. Written for Spark SQL, Sail, DataFusion (delta-rs) and DuckDB.
"""
# ruff: noqa: S608 - the SQL is made of names and numbers of ours only

from datetime import UTC, datetime, timedelta

from delta_tables.tables.column_types import BAR_PRICE, BAR_SIZE
from delta_tables.views.conditions import known_at

Parts = dict[str, str]

SPLITS = ("split", "bonus")  # the actions that change the number of shares by a ratio

NEAR_RATIO = "abs({0} - {1}) <= 50000000000"  # half a percent, of a logarithm in 1e-13
NEAR_CASH = "abs({0} - {1}) <= 0.005e0 * {0}"
_LOGARITHM = "1e13"
NEAR_DAYS = 4  # over a long weekend; two real splits are never that close
# New York's evening is still before the next day's split, and no exchange but New Zealand's closes before
# 05:00 UTC, so that a fetch after the close has the day's split in it.
_EVENING_HOURS = 5
_FIRST_DAY = "DATE '1800-01-01'"


def selected_splits_sql(series: str, actions: str) -> str:
    """The SELECT of the splits that apply to each series, as known now: for_provider, symbol, ex_dt, log_sum.

    `series`: a relation of (provider, symbol). log_sum: ln(ratio) in 1e-13, a whole number; see ratio_sql.
    """
    parts = {"split_days": split_days(actions, known_at(None))} | selected_actions(
        "split", series, NEAR_RATIO
    )
    return f"{with_parts(parts)} SELECT for_provider, symbol, ex_dt, amount AS log_sum FROM split_selected"


def ratio_sql(log_sum: str) -> str:
    """The SQL expression for the ratio, a double, that a sum of logarithms stands for; 1 for none.

    Rounded half up at ten decimals; below 1 its inverse is, so that 1:3 divides by exactly 1/3.
    """
    logarithm = f"CAST({log_sum} AS DOUBLE) / {_LOGARITHM}"
    return (
        f"CASE WHEN {log_sum} IS NULL OR {log_sum} = 0 THEN 1e0 "
        f"WHEN {log_sum} > 0 THEN floor(exp({logarithm}) * 1e10 + 0.5e0) / 1e10 "
        f"ELSE 1e10 / floor(exp(-({logarithm})) * 1e10 + 0.5e0) END"
    )


def share_left_sql(log_sum: str) -> str:
    """The SQL expression for the share below 1, a double, that a sum of logarithms stands for; 1 for none.

    Rounded half up at ten decimals.
    """
    share = f"floor(exp(CAST({log_sum} AS DOUBLE) / {_LOGARITHM}) * 1e10 + 0.5e0) / 1e10"
    return f"CASE WHEN {log_sum} IS NULL OR {log_sum} = 0 THEN 1e0 ELSE {share} END"


def basis_dt_sql() -> str:
    """The SQL expression for the day whose shares a bar counts: trade_dt, or later for an adjusted bar."""
    later = f"greatest(trade_dt, {fetch_day('known_from')})"
    return f"CASE WHEN adjustment = 'split' THEN {later} ELSE trade_dt END"


def fetch_day(known_from: str) -> str:
    """The SQL expression for the last day whose splits an answer fetched at `known_from` has in it."""
    return f"CAST({known_from} - INTERVAL '{_EVENING_HOURS}' HOUR AS DATE)"


def last_day_in_force(as_of: datetime | None) -> str:
    """The SQL of the last day whose actions are in force at `as_of`, or now: today in the engine's zone."""
    if as_of is None:
        return "current_date"
    return f"date '{(_utc(as_of) - timedelta(hours=_EVENING_HOURS)).date().isoformat()}'"


def split_days(actions: str, condition: str) -> str:
    """What each provider says of a symbol and day: the sum of the logarithms of its ratios, as `amount`.

    A ratio below 1 is stored with ten decimals; where its inverse is then as near to one with four
    decimals as that allows, it is that one.
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
    """The expressions from `<kind>_days` to `<kind>_selected`: for_provider, symbol, ex_dt, amount.

    `<kind>_days`: provider, symbol, ex_dt, amount; `is_near` says of two amounts that they are one.
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
    """Whether the neighbour before, or a preferred one after, is the same action on another day."""
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
    """The spans [from_dt, ex_dt) between actions; `OVER later` in `sums`: this action and all later."""
    series = "PARTITION BY for_provider, symbol ORDER BY ex_dt"
    later = f"OVER ({series} DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    return (
        f"SELECT for_provider, symbol, ex_dt, coalesce(lag(ex_dt) OVER ({series}), {_FIRST_DAY}) AS from_dt, "
        f"{sums.replace('OVER later', later)} FROM {relation}"
    )


def step_of(step: str, row: str, day: str) -> str:
    """The join condition of a row and the span of its series that its `day` is in."""
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
    """The SQL expression for a price as a double: with eight places it is the same one on every engine."""
    return f"CAST(CAST({price} AS DECIMAL(20,8)) AS DOUBLE)"


def _rounded(value: str, places: int, kind: str) -> str:
    step = f"CAST('0.{'1'.zfill(places)}' AS DECIMAL({places + 1},{places}))"
    return f"CAST(CAST({whole(value, f'1e{places}')} AS DECIMAL(19,0)) * {step} AS {kind})"


def logarithm(value: str) -> str:
    """ln(value) in whole numbers of 1e-13."""
    return whole(f"ln({value})", _LOGARITHM)


def whole(value: str, scale: str) -> str:
    """value x scale as a bigint, half up, without the engines' own rounding of doubles."""
    return f"CAST(floor(({value}) * {scale} + 0.5e0) AS BIGINT)"


def with_parts(parts: Parts) -> str:
    """The WITH clause of named SELECTs."""
    return "WITH " + ", ".join(f"{name} AS ({text})" for name, text in parts.items())


def _utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()}: name the time zone of the instant")
    return instant.astimezone(UTC)
