"""Formats of tensors and graphs."""
