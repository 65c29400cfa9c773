"""What must be true of a batch before it is published.

Where do I go to...?

- change a rule: `checks/<layer>_<table>.yml`, in SodaCL; one file per dataset
- scan a batch: `gate.py`
- see what a gate result holds, or its exit code: `gate_result.py`
- see which checks files are refused, and why: `checks_file.py`
- see what the gate measures itself because Soda lets it pass: `batch_audit.py`
- keep Soda off the network, the environment and the terminal: `soda_scan.py`
- make Soda work on another engine: `soda_session.py`
- show a gate result to a person: `gate_markdown.py`

The gate is closed by default: what was not measured has not passed.
"""
