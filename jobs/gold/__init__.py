"""Transforms from Silver to Gold: KPIs, signals and the overview; figures computed from ticks.

Where do I go to...?
    see a Gold run's rows being computed         session_rows.py, daily_kpis.py, metrics.py
    change a signal or the overview              signals.py, stock_overview.py
    know which sessions have to be recomputed    affected_sessions.py
    adjust prices for splits                     split_adjustment.py
    choose among providers                       provider_ranking.py
    compute figures from ticks                   tick_features.py, trade_bars.py
"""
