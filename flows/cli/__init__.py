"""The command line `lakehouse`: the one place of `flows` that may also import `serving` (docs/adr/0001)."""
