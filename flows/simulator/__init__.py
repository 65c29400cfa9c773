"""A local server that simulates the providers' APIs over one year of real S&P 500 prices.

Daily bars of stocks are real (August 2009 to August 2010) and served unchanged, errors in the data included.
Everything else is generated from a seed (intraday bars, ticks, coins, exchange rates, Bombay's scrips,
fundamentals, news). Generated data are marked: with SIMULATED in the body where the format has room for it,
and always with the header ``X-Simulated: true`` (S3 metadata for flat files).

Where do I go to…?
    start the simulator                          server.py (a thread), process.py (a process), __main__.py
    read statistics, set faults, get a provider  service.py (`stats`, `set_faults`, `provider_simulator`)
    add a provider                               provider_simulator.py (the contract); registry.py finds
                                                 each folder with a `SIMULATOR`
    change one provider's API                    alphavantage/, yahoo/, coingecko/, bse/, massive/
    limit calls                                  rate_counter.py; alphavantage/plans.py for its API keys
    show that a client stayed within its quota   call_log.py
    cause errors on demand                       faults.py, data_faults.py, http_response.py
    change what is public at an instant          market/clock.py, market/market.py, market/sessions.py
    see the real bars                            market/real_prices.py
    see the bars and ticks generated from them   market/intraday_bars.py, market/ticks.py
    see generated coins and exchange rates       market/crypto_prices.py, market/fx_rates.py,
                                                 market/continuous_bars.py

A provider imports `market`, faults and the contract, but no other provider and not the registry.
"""
