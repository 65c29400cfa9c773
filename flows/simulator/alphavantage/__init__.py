"""Alpha Vantage as simulated: endpoints, time series, plans with quotas, error messages, reference data."""
