"""Simulators to request, installations to run, and the command line; no Prefect server."""

from tests.builders.installation_fixtures import (
    cli,
    environment,
    filled,
    full,
    here,
    no_calls_outside,
    simulate,
    simulator,
    still_clock,
)

__all__ = [
    "cli",
    "environment",
    "filled",
    "full",
    "here",
    "no_calls_outside",
    "simulate",
    "simulator",
    "still_clock",
]
