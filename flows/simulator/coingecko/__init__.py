"""Simulated CoinGecko: API (endpoints), and the spacing of chart points and candles (time_series)."""

from flows.simulator.coingecko.endpoints import CoinGeckoSimulator

SIMULATOR = CoinGeckoSimulator
