"""One symbol's bars as known now or at an instant, raw or adjusted."""
