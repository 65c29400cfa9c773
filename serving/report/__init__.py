"""The HTML report: its data, its charts, and its templates."""
