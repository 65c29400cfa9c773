"""HTTP for the handlers: requests, responses, retries, and secrets kept out of everything.

Where do I go to...?
    send a request                               http_client.py
    read a response and interpret its status     http_response.py
    change timeouts, attempts or the size cap    retry.py
    keep a key out of bodies and messages        redaction.py
"""
