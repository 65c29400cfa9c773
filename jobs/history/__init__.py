"""Bitemporal history: what a batch changes in what is stored, and what is pending.

Where do I go to...?
    understand corrections and as-of             bitemporal.py
    merge successive versions of a file          file_history.py
    compare computed rows with stored ones       row_diff.py
    find the payloads not built yet              pending_payloads.py
"""
