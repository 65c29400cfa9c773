"""What happens when: handlers, Prefect flows and the command line; all parts come together here.

Where do I go to...?
    ask a provider                               handlers/
    practise without a provider                  simulator/
    see what a run does, step by step            ingest.py, build.py, market_data.py, backfill.py
    land payloads                                landing.py
    see how a batch is audited and published     silver_build.py, judged_rows.py, gold_build.py, gates.py
    see what a Gold run computes                 gold_days.py
    know what was done already                   run_log.py
    know what is late or missing                 completeness/
    add a command                                cli/
    see it all run                               demo.py
"""
