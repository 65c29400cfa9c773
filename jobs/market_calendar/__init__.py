"""Exchange sessions and bar intervals.

Where do I go to...?
    know sessions, half days, expected bars      sessions.py, session_overrides.toml
    know an interval's length                    intervals.py
"""
