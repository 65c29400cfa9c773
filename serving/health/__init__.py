"""Finds gaps, outliers, split-sized jumps and stale symbols in published tables."""
