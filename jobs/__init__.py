"""What computes: pure transforms, and the thin runners that read and write.

Where do I go to…?
    choose or start an engine                    session.py, spark_server.py
    read, stage or merge a table                 table_io.py
    find who reads a provider's payloads         parsers.py
    turn a payload into rows of text             parse_<provider>.py, python_parsing.py
    know the columns of such rows                raw_rows.py
    turn a flat file into rows of text           flat_files.py
    know sessions, half days, expected bars      trading_calendar.py, session_overrides.toml
    know which session a bar belongs to          bar_times.py, intervals.py
    judge a row                                  bar_rules.py, tick_rules.py, stated_texts.py
    understand corrections and as-of             bitemporal.py, tick_history.py, replaced_rows.py
    see a Silver table being built               bars.py, trades.py, quotes.py, fundamentals.py, news.py,
                                                 corporate_actions.py, instruments.py, quarantine.py
    keep a day of ticks inside the memory        tick_batches.py
    see what changed and is to be computed       new_payloads.py, touched_sessions.py, reconciled_keys.py
    see a Gold table being built                 gold.py, daily_kpis.py, metrics.py, signals.py,
                                                 stock_overview.py, tick_features.py, trade_bars.py
    compare providers                            reconciliation.py, provider_order.py, split_basis.py
"""
