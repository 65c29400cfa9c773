"""What a command or a flow run does, as plain functions that know nothing of Prefect.

Where do I go to...?
    fetch and land                               ingest.py
    fetch the latest data, then build            market_data.py
    fetch and build a range of history           backfill.py
    build Silver and Gold                        build.py
    reprocess Bronze                             replay.py
    compact tables and remove old files          maintain.py
    fill a lake with the demo's data             demo.py
    know how a run ended                         run_summary.py
    run each step as a Prefect task              steps.py (`StepRunner`)
"""
