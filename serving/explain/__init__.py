"""Traces a number from Gold to its Silver rows, and to the payload or file with an excerpt of its bytes."""
