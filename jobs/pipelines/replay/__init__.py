"""Reprocesses Bronze after a parser or rule fix.

Where do I go to...?
    say what to reprocess                        scope.py
    reprocess payloads                           payloads.py
    reprocess flat files                         files.py
"""
