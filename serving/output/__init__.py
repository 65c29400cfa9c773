"""Prints results on a terminal or as JSON."""
