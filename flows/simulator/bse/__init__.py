"""Simulated Bombay Stock Exchange: download site (endpoints), daily files (files), scrips (instruments)."""

from flows.simulator.bse.endpoints import BseSimulator

SIMULATOR = BseSimulator
