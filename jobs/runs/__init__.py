"""A run: what it works with, what it records, how it reports progress.

Where do I go to...?
    settings, lake, clock and run id of a run    run_context.py
    know what time it is for a run               clock.py
    read or write ops.runs                       run_log.py
    record a stage                               stage.py
    let rows of ops.runs wait for others         records.py
    compare tables with their recorded versions  table_versions.py
    show a run's progress                        progress.py
"""
