"""Builds Gold tables from changed Silver rows.

Where do I go to...?
    build KPIs, signals and the overview         sessions.py, affected_days.py
    build the bars on which providers differ     reconciliation.py
    build what is computed from ticks            ticks.py
"""
