"""What should be there by now, what is, and what is asked for again.

Where do I go to...?
    see the states and when a session has which        verdicts.py
    see when a dataset is published, and how long is waited    publication.py
    see what is expected of whom                       series.py
    see how an arrival is found                        arrivals.py
    see what a run writes into ops.completeness        check.py
    see what a run asks for again                      reasks.py
"""
