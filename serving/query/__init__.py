"""SQL without an engine session: literals, conditions, and a SELECT over one table."""
