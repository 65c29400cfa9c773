"""Rate-limited clients for market-data providers; they return raw payloads unchanged.

Where do I go to...?
    fetch from a provider                        <provider>/: `connect(...)`, then `.fetch(Query(...))`;
                                                 massive/ has `.head` and `.download` for flat files
    know what a provider offers                  <provider>/: `MANIFEST`
    know what a handler takes and returns        models.py
    know what can go wrong, and what to do       errors.py
    see the requests made for a query            <provider>/endpoints.py, or handler.py without one
    see how a response is classified             <provider>/responses.py
    stay within a provider's limits              rate_limit/
    send requests, retry them, redact secrets    transport/
    stop a fetch that waits                      stop_signal.py

Nothing here imports another package of the project, Prefect or Spark, so a Lambda function can reuse it.
"""
