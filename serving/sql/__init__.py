"""`lakehouse sql`: read-only SQL over tables and views."""
