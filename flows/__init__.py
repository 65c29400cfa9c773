"""What happens when. The modules at this level are the Prefect flows; what they do is in the folders.

Where do I go to...?
    see what a run does, step by step            operations/
    see the flows that Prefect runs              market_data.py, ingest.py, build.py, backfill.py,
                                                 replay.py, maintain.py, demo.py; runtime/
    fetch from a provider                        handlers/ (clients), ingestion/ (requests and their order)
    land payloads and files                      landing/
    know what is late or missing                 completeness/
    try it without a provider                    simulator/
    add a command                                cli/
    create deployments and automations           deployment/

Building itself is in jobs.pipelines. Only the flows, runtime, deployment and the option `--prefect` of the
command line import Prefect.
"""
