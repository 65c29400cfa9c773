"""The state of a lake: status, completeness, reconciliation breaks."""
