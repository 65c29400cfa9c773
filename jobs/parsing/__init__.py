"""Parsers: payloads and flat files to rows of raw strings; nothing is validated here.

Where do I go to...?
    find the parser of a provider's payloads     registry.py
    know the columns of raw rows                 raw_schema.py
    cast raw strings                             values.py
    read a provider's payloads                   <provider>.py, <provider>_json.py
    read flat files                              flat_files.py
    run a parser written in plain Python         python_parser.py, json_values.py
"""
