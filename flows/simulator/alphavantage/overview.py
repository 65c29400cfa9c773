"""OVERVIEW: generated fundamentals, consistent with the real prices published so far."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from flows.simulator.market.companies import Company
from flows.simulator.market.random_seeds import stable_random
from flows.simulator.market.real_prices import DailyBar

_MISSING = "None"
_FIRST_QUARTER = date(2009, 6, 30)
_REPORTED_AFTER = timedelta(days=30)
_MONTHS_PER_YEAR = 12
_MONTHS_PER_QUARTER = 3
_LOSS_SHARE = 0.05
_UNKNOWN_SHARE = 0.07  # losses included
_NO_DIVIDEND_SHARE = 0.3


def overview(
    seed: int, symbol: str, company: Company | None, bars: Sequence[DailyBar], first_close: Decimal
) -> Mapping[str, str]:
    """The body's fields in Alpha Vantage's order, all text; missing values are "None" or "-".

    `bars` are those published so far, oldest first and at least one; `first_close` is the first close of the
    whole history, which sets the level of the earnings. PERatio is the latest published close over EPS, and
    "None" if EPS is missing, zero or negative (about 7 symbols in 100).
    """
    quarters = _reported_quarters(bars[-1].trade_dt)
    # One generator each, because the earnings take more random numbers with every reported quarter.
    eps = _earnings_per_share(stable_random("eps", seed, symbol), float(first_close), len(quarters))
    shares = int(10 ** stable_random("shares", seed, symbol).uniform(8.0, 9.7))
    details = _details(stable_random("details", seed, symbol), bars[-1].close, eps, shares)
    return {
        "Symbol": symbol,
        "AssetType": "Common Stock",
        **_identity(symbol, company),
        "FiscalYearEnd": "December",
        "LatestQuarter": quarters[-1].isoformat(),
        **details,
        "52WeekHigh": str(max(bar.high for bar in bars)),
        "52WeekLow": str(min(bar.low for bar in bars)),
        "50DayMovingAverage": _average_close(bars[-50:]),
        "200DayMovingAverage": _average_close(bars[-200:]),
        "SharesOutstanding": str(shares),
        "DividendDate": _MISSING,
        "ExDividendDate": _MISSING,
    }


def _identity(symbol: str, company: Company | None) -> dict[str, str]:
    name = company.name if company else symbol
    return {
        "Name": name,
        "Description": f"SIMULATED fundamentals of {name}: drawn by seed, not reported.",
        "CIK": _MISSING,
        "Exchange": "NYSE",
        "Currency": "USD",
        "Country": "USA",
        "Sector": company.sector.upper() if company else _MISSING,
        "Industry": company.industry.upper() if company else _MISSING,
    }


def _details(rng: Random, close: Decimal, eps: Decimal | None, shares: int) -> dict[str, str]:
    price, margin = float(close), rng.uniform(0.03, 0.25)
    revenue_per_share = price / rng.uniform(0.5, 2.0)
    dividend = 0.0 if rng.random() < _NO_DIVIDEND_SHARE else price * rng.uniform(0.005, 0.04)
    is_loss = eps is not None and eps <= 0
    has_ratio = eps is not None and eps > 0
    return {
        "MarketCapitalization": str(int(close * shares)),
        "EBITDA": _MISSING if is_loss else str(int(revenue_per_share * shares * margin * 1.6)),
        "PERatio": f"{close / eps:.2f}" if eps is not None and has_ratio else _MISSING,
        "PEGRatio": f"{rng.uniform(0.6, 3.0):.3f}" if has_ratio else _MISSING,
        "BookValue": f"{price / rng.uniform(1.2, 6.0):.2f}",
        "DividendPerShare": f"{dividend:.2f}" if dividend else _MISSING,
        "DividendYield": f"{dividend / price:.4f}" if dividend else _MISSING,
        "EPS": _MISSING if eps is None else str(eps),
        "RevenuePerShareTTM": f"{revenue_per_share:.2f}",
        "ProfitMargin": f"{-margin if is_loss else margin:.3f}",
        "RevenueTTM": str(int(revenue_per_share * shares)),
        "DilutedEPSTTM": _MISSING if eps is None else str(eps),
        "AnalystTargetPrice": "-",
        "Beta": f"{rng.uniform(0.4, 1.9):.3f}",
    }


def _earnings_per_share(rng: Random, first_close: float, quarters: int) -> Decimal | None:
    """Yearly earnings per share in US dollars after this number of reported quarters; None if unknown."""
    kind = rng.random()
    ratio = rng.lognormvariate(2.8, 0.45)  # price over earnings: median 16, one in twenty above 34
    earnings = first_close / ratio
    if kind < _LOSS_SHARE:
        earnings = -earnings
    for _ in range(quarters):
        earnings *= 1 + rng.gauss(0.01, 0.03)
    if _LOSS_SHARE <= kind < _UNKNOWN_SHARE:
        return None
    return Decimal(f"{earnings:.2f}")


def _reported_quarters(today: date) -> list[date]:
    """The last days of the quarters reported by `today`, oldest first."""
    quarters = [_FIRST_QUARTER]
    while (following := _next_quarter(quarters[-1])) + _REPORTED_AFTER <= today:
        quarters.append(following)
    return quarters


def _next_quarter(last_day: date) -> date:
    # The first day of the quarter after next, minus one day.
    month = last_day.month + _MONTHS_PER_QUARTER
    year = last_day.year + month // _MONTHS_PER_YEAR
    return date(year, month % _MONTHS_PER_YEAR + 1, 1) - timedelta(days=1)


def _average_close(bars: Sequence[DailyBar]) -> str:
    return f"{sum((bar.close for bar in bars), Decimal()) / len(bars):.2f}"
