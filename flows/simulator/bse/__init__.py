"""Simulated Bombay Stock Exchange: download site (endpoints), daily files (files), scrips (instruments)."""
