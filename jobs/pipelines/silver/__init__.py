"""Builds Silver tables from what has landed.

Where do I go to...?
    see how each table is built from payloads    tables.py
    build from payloads                          payloads.py
    build bars or ticks from flat files          bar_files.py, tick_files.py, file_batches.py
    find payloads on which the engine fails      isolation.py
    know which files are pending                 pending_files.py
"""
