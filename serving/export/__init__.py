"""Exports tables as CSV, JSON or Parquet files to a folder or a bucket, with a manifest."""
