"""Runs a person's read-only SQL over the lake's tables and views."""
