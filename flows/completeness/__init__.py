"""Which sessions are late or missing, and the requests that fetch them again.

Where do I go to...?
    see which sessions are expected              expected_sessions.py
    see when a dataset is published              publication.py, flows/ingestion/sources/<provider>.py
    see how an arrival is found                  arrivals.py
    see the states and what decides them         session_state.py
    see what a run writes into ops.completeness  check.py
    see what a run requests again                gap_requests.py
"""
