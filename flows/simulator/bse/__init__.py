"""The simulated Bombay Stock Exchange: download site (endpoints), daily files and scrips (instruments)."""
