"""SPLITS, DIVIDENDS and LISTING_STATUS: generated events, not those of the real companies.

All splits are older than the histories, whose prices are as traded: there is no split within their year.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from flows.simulator.market.companies import Company
from flows.simulator.market.random_seeds import stable_int, stable_random, stable_share
from flows.simulator.market.real_prices import DailyBar

LISTING_HEADER = ("symbol", "name", "exchange", "assetType", "ipoDate", "delistingDate", "status")
STATES = ("active", "delisted")
_NO_DIVIDEND_SHARE = 0.3
_NO_SPLIT_SHARE = 0.6
_REUSED_SHARE = 0.05
_SESSIONS_PER_QUARTER = 63
_DECLARED_BEFORE = timedelta(days=21)
_PAID_AFTER = timedelta(days=28)
_FACTORS = ("2.0000", "3.0000", "1.5000", "0.1000")
_FIRST_LISTING = date(1962, 1, 2)
_LISTING_DAYS = 16_000
_REUSED_FROM = date(2003, 1, 2)


def splits(seed: int, symbol: str) -> list[dict[str, str]]:
    """The symbol's rows of SPLITS, newest first; most symbols have none."""
    rng = stable_random("splits", seed, symbol)
    if rng.random() < _NO_SPLIT_SHARE:
        return []
    days = {date(1990, 1, 8) + timedelta(days=7 * rng.randrange(900)) for _ in range(rng.randrange(1, 4))}
    return [
        {"effective_date": day.isoformat(), "split_factor": rng.choice(_FACTORS)}
        for day in sorted(days, reverse=True)
    ]


def dividends(seed: int, symbol: str, bars: Sequence[DailyBar], today: date) -> list[dict[str, str]]:
    """The symbol's quarterly dividends declared by `today`, newest first; a third of the symbols has none."""
    rng = stable_random("dividends", seed, symbol)
    if not bars or rng.random() < _NO_DIVIDEND_SHARE:
        return []
    amount = Decimal(f"{max(0.01, float(bars[0].close) * rng.uniform(0.001, 0.01)):.4f}")
    first = rng.randrange(_SESSIONS_PER_QUARTER)
    ex_days = [bar.trade_dt for bar in bars[first::_SESSIONS_PER_QUARTER]]
    return [_dividend(day, amount) for day in reversed(ex_days) if day - _DECLARED_BEFORE <= today]


def listing(seed: int, companies: Mapping[str, Company | None], state: str) -> bytes:
    """The CSV of LISTING_STATUS; some symbols belonged to another company before, which is delisted."""
    lines = io.StringIO()
    rows = csv.writer(lines, lineterminator="\n")
    rows.writerow(LISTING_HEADER)
    for symbol, company in sorted(companies.items()):
        is_reused = stable_share("reused", seed, symbol) < _REUSED_SHARE
        first_listed = _first_listed(seed, symbol)
        if state == "delisted" and is_reused:
            ended = _REUSED_FROM - timedelta(days=30)
            first = min(first_listed, ended - timedelta(days=365))
            rows.writerow((symbol, f"Former {symbol} Corp", "NYSE", "Stock", first, ended, "Delisted"))
        elif state == "active":
            name = company.name if company else ""
            first = max(first_listed, _REUSED_FROM) if is_reused else first_listed
            rows.writerow((symbol, name, "NYSE", "Stock", first, "null", "Active"))
    return lines.getvalue().encode()


def _first_listed(seed: int, symbol: str) -> date:
    return _FIRST_LISTING + timedelta(days=stable_int("listed", seed, symbol) % _LISTING_DAYS)


def _dividend(ex_day: date, amount: Decimal) -> dict[str, str]:
    return {
        "ex_dividend_date": ex_day.isoformat(),
        "declaration_date": (ex_day - _DECLARED_BEFORE).isoformat(),
        "record_date": (ex_day + timedelta(days=2)).isoformat(),
        "payment_date": (ex_day + _PAID_AFTER).isoformat(),
        "amount": str(amount),
    }
