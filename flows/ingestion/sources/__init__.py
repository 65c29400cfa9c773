"""One module per provider: its datasets, queries, publication times and how to connect to it."""
