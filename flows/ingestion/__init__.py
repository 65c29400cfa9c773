"""Which requests a run makes, in which order, and the fetch loops; neither Prefect nor Spark.

Where do I go to...?
    see what a provider offers to a run          source.py (`FetchRequest`, `PayloadSource`, `FileSource`)
    list the providers                           registry.py
    see what is known of one provider            sources/<provider>.py, publication_times.py, http_policy.py
    select the requests of a run                 request_selection.py
    order queries when a quota is short          request_priority.py, quota_plan.py
    know what Bronze already holds               landed_requests.py
    tell stocks, currency pairs and coins apart  asset_types.py
    fetch and land                               fetch_payloads.py, fetch_files.py, concurrent_fetch.py
    know how a fetch ended                       fetch_result.py, failed_attempts.py
    know whether an exchange is open             market_hours.py
    remove or restore the bytes of flat files    file_retention.py, replay_files.py
"""
