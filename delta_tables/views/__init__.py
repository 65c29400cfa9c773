"""The views over the tables, as SQL that every engine and reader understands.

Where do I go to...?
    list the views                               views.py
    adjust prices for splits and dividends       adjusted_bars.py, adjustment_factors.py
    filter rows by when they were known          conditions.py
    read trades without cancelled ones           tick_views.py
"""
