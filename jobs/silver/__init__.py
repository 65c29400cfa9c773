"""Transforms from raw rows to Silver: casts, validation rules, rows.

Where do I go to...?
    see a Silver table being built               bars.py, trades.py, quotes.py, fundamentals.py, news.py,
                                                 corporate_actions.py, instruments.py
    change a validation rule                     bar_rules.py, tick_rules.py, trade_conditions.py
    see how failed rules are recorded            rules.py
    know which session a bar belongs to          bar_times.py
    keep a day of ticks inside the memory        tick_batches.py
    see what becomes of invalid rows             quarantine.py
"""
