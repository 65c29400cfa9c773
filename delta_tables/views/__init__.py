"""The views of the tables, as SQL for every engine and reader.

Where do I go to...?
    list the views                               views.py
    adjust prices for splits and dividends       adjusted_bars.py, adjustment_factors.py
    filter rows by when they were known          conditions.py
    read trades without cancelled ones           tick_views.py
"""
