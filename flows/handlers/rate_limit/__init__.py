"""Rate limits that survive restarts and are shared by processes.

Where do I go to...?
    stay within a provider's limits              limiter.py
    see how calls in a window are counted        windows.py
    know what a call store does                  call_store.py
    store the calls of one machine               sqlite_store.py
    store the calls of several machines          postgres_store.py
"""
