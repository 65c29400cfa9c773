"""SQL without an engine: literals, conditions, and a select over one table."""
