"""Prints results on a terminal, a pipe, or as JSON."""
