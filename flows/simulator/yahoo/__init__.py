"""Simulated Yahoo chart service."""
