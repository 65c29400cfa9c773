"""The HTML report of a run: its data, its charts, its templates."""
