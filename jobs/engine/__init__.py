"""The engine: its sessions, and reading and writing tables with it.

Where do I go to...?
    choose or start an engine                    session.py, spark_connect.py
    read, stage, append or merge a table         table_io.py
    compact a table, or remove its old files     compaction.py
    keep the log of a table short                log_retention.py
"""
