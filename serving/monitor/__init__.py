"""The state of a lake: sizes, last runs, completeness, reconciliation breaks."""
