"""The settings and secrets of an installation.

Where do I go to...?
    change what is fetched, thresholds, the lake   lakehouse.toml, or LAKEHOUSE_* variables
    see every key with its type and default        settings.py
    know what a path is relative to, what it may be paths.py
    know how engines read an awkward path          plain_links.py
    know who may read what is written              file_modes.py
    give a key or a password                       secrets.py: the environment or .env
"""
