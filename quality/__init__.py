"""What must be true of a batch before it is published.

Where do I go to...?

- change a rule: `checks/<layer>_<table>.yml`, in SodaCL; one file judges one dataset
- judge a batch, or stop on a bad one: `gate.py`
- see what a verdict holds, or what exit code it has: `gate_result.py`
- see which checks files are refused, and why: `checks_file.py`
- see what the gate measures itself because Soda lets it pass: `batch_audit.py`
- keep Soda off the network, the environment and the terminal: `soda_scan.py`
- make Soda work on another engine: `soda_session.py`
- show a verdict to a person: `report_markdown.py`

The gate is closed by default: what was not measured has not passed.
"""
