"""Yahoo's chart service as simulated."""
