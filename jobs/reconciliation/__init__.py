"""Compares the bars of several providers.

Where do I go to...?
    see what counts as a break                   bar_breaks.py
    know which bars have to be compared again    affected_bars.py
    align prices across splits                   split_alignment.py
"""
