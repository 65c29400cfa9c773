"""Explains a number: from Gold to Silver rows to the payload or file, with an excerpt of its bytes."""
