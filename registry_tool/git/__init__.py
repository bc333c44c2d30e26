"""Bytes in Git: trees to read from, objects to write, clones to keep."""
