"""Massive's flat files as simulated: an S3 endpoint over generated files of ticks and bars."""
