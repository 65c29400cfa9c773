"""A local server that speaks Alpha Vantage's protocol over a year of real S&P 500 histories.

Daily bars are real (August 2009 to August 2010) and served as they are, faults of the data included.
Intraday bars, fundamentals and exchange rates are drawn by seed: every body of theirs says SIMULATED, and
carries the header ``X-Simulated: true``.

Where do I go to…? The bars: `prices`, `bridge`, `fx`; fundamentals: `companies`, `overview`; what is public
at an instant: `market`; the wire format: `series`, `protocol`, `messages`; limits: `plans`; trouble on
demand: `faults`; starting it: `server` (a thread), `process` (a process of its own).
"""
