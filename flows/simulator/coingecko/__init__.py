"""CoinGecko as simulated: endpoints and time series of coins."""
