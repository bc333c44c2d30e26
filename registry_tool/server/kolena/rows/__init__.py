"""Rows that clients upload and download as Parquet: checked, kept in the DVC remote, and read."""
