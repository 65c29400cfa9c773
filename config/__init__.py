"""What differs between installations.

Where do I go to...?
    change what is fetched, the thresholds, the lake's place   lakehouse.toml, or LAKEHOUSE_* variables
    see every key with its type and default                    settings.py
    give a key or a password                                   secrets.py: the environment or .env
"""
