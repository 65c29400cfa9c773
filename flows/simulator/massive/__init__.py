"""Simulated Massive flat files: S3 API (s3_endpoint), what is stored when (file_store), contents (files)."""

from flows.simulator.massive.s3_endpoint import MassiveSimulator

SIMULATOR = MassiveSimulator
