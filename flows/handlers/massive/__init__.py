"""The client of Massive's (Polygon's) flat files: `connect(...)` and `MANIFEST`.

Where do I go to...?
    connect, look for a file, download it        handler.py
    see how a download is resumed and verified   download.py
    see how a single call is made                store.py
    change how boto3 connects                    s3_client.py
    see how an error is classified               responses.py
    know how files are named and verified        files.py
"""

from flows.handlers.massive.handler import MANIFEST, MassiveClient, connect

__all__ = ["MANIFEST", "MassiveClient", "connect"]
