"""What computes: pure transforms, and the thin runners that read and write.

Where do I go to...?
    choose or start an engine                    session.py
    read, stage or merge a table                 table_io.py
    turn a provider's payload into rows          parse_alphavantage.py
    know sessions, half days, expected bars      trading_calendar.py
    judge a row                                  bar_rules.py, fundamentals.py
    understand corrections and as-of             bitemporal.py
    see a Silver table being built               bars.py, fundamentals.py, quarantine.py
    see a Gold table being built                 daily_kpis.py, signals.py, stock_overview.py
"""
