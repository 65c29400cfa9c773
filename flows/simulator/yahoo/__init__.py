"""Simulated Yahoo: chart service (endpoints), its parameters (chart_request) and its bodies (chart)."""
