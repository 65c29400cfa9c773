"""Whether a lake's files are still as they were written, and what to do where they are not.

Where do I go to...?
    read every live file of a table              scrub.py
    compare Bronze's bytes with their ids        bronze_bytes.py
    set a damaged table aside, keep its rows     set_aside.py
"""
