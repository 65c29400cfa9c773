"""Simulated Yahoo: chart service (endpoints), its parameters (chart_request) and its bodies (chart)."""

from flows.simulator.yahoo.endpoints import YahooSimulator

SIMULATOR = YahooSimulator
