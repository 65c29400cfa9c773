"""Exchange sessions and bar intervals.

Where do I go to...?
    know sessions, half days, expected bars      sessions.py, session.py, session_overrides.toml
    keep computed sessions for a day             session_cache.py
    use an interval's length in a Spark column   intervals.py (names and lengths: delta_tables/intervals.py)
"""
