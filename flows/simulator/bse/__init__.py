"""The Bombay Stock Exchange as simulated: its daily files and their instruments."""
