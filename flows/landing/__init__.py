"""Writes what was received into Bronze, without an engine: payloads, dead letters and flat files.

Where do I go to...?
    append payloads and dead letters             payloads.py
    land, list and expire flat files             flat_files.py
    look up which bytes an ETag stands for       etag_cache.py
"""
