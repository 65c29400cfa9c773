"""What `docker compose up` needs of Prefect: deployments, automations, notifications, the demo's first run.

Where do I go to...?
    create the deployments of prefect.yaml       deploy.py
    end runs that stopped sending heartbeats     automations.py
    be told of failed runs                       notifications.py
    end the runs of a worker that died           zombie_runs.py
    run the demo's deployment once               demo_run.py
"""
