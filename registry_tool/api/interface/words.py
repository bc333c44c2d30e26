"""Sizes and values of manifests as words."""

from __future__ import annotations

from registry_tool.catalog.describe import size_words, value_words

__all__ = ["size_words", "value_words"]
