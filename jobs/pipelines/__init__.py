"""Pipelines: read, transform, stage, audit, publish. They may use the gate; they know nothing of Prefect.

Where do I go to...?
    hold the right to build a lake               writer_session.py
    build Silver from payloads                   silver_tables.py, silver_payloads.py
    build Silver from flat files                 silver_bar_files.py, silver_tick_files.py,
                                                 silver_file_batches.py
    know which files are pending                 pending_files.py
    build Gold                                   gold_sessions.py, gold_affected_days.py,
                                                 gold_reconciliation.py, gold_ticks.py
    audit and publish a batch                    audit.py, publish.py, quarantine.py, staging.py
    reprocess Bronze                             replay_payloads.py, replay_files.py
    compact tables and remove old files          maintenance.py
"""
