"""Simulated Alpha Vantage: response bodies (endpoints), plans and quotas per API key (simulator, plans)."""
