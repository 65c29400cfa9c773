"""Pipelines: read, transform, stage, audit, publish. They may use the gate; they know nothing of Prefect.

Where do I go to...?
    build Silver, build Gold                     silver/, gold/
    reprocess Bronze                             replay/
    know whether anything is pending             pending.py
    hold the right to build a lake               writer_session.py
    audit and publish a batch                    audit.py, publish.py, quarantine.py, staging.py
    compact tables and remove old files          maintenance.py
"""
