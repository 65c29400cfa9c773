"""One symbol's bars as of an instant, raw or adjusted."""
