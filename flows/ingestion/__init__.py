"""Which requests a run makes, in which order, and the fetch loops; neither Prefect nor Spark.

Where do I go to...?
    see what a provider offers a run             source.py (`FetchRequest`, `PayloadSource`, `FileSource`)
    list the providers                           registry.py
    see what is known of one provider            sources/<provider>.py
    select the requests of a run                 request_selection.py
    order them when a quota is short             request_priority.py, quota_plan.py
    know what Bronze already holds               landed_requests.py, last_fetched.py
    tell stocks, currency pairs and coins apart  asset_types.py
    fetch and land                               fetch_payloads.py, fetch_files.py, failed_attempts.py
    know whether an exchange is open             market_hours.py
    remove or restore the bytes of flat files    file_retention.py, replay_scope.py
"""
