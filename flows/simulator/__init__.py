"""A local server that speaks the providers' protocols over a year of real S&P 500 histories.

Daily bars of stocks are real (August 2009 to August 2010) and served as they are, faults of the data
included. All else is drawn by seed (intraday bars, ticks, coins, exchange rates, Bombay's scrips,
fundamentals, news), and says so: SIMULATED in the body where there is room, the header
``X-Simulated: true`` in any case.

Where do I go to…?
    start it                                     server.py (a thread), process.py (a process), __main__.py
    count calls, set faults, reach a protocol    service.py (`stats`, `set_faults`, `provider_simulator`)
    change what is public at an instant          market.py, clock.py, sessions.py
    see the real bars, and bars drawn from them  prices.py, bridge.py, ticks.py, feeds.py
    see what is drawn                            coins.py, around_the_clock.py, fx.py, bse_scrips.py,
                                                 companies.py, overview.py, news.py, reference.py, seeds.py
    see Alpha Vantage's protocol                 protocol.py, series.py, messages.py
    see another provider's                       speakers.py; yahoo.py, coingecko.py, bse.py, massive.py
    see flat files and their store               flat_files.py, file_store.py
    limit calls, and prove that limits held      plans.py, meter.py
    make trouble on demand                       faults.py, disturb.py, answers.py
"""
