"""What a flow run shows in Prefect, and how it ends there.

Where do I go to...?
    run a step as a task                         tasks.py
    publish a run's artifacts and final state    run_report.py
"""
