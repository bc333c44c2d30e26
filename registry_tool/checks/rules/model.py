"""Rules that look at one model and what lies around it."""

from __future__ import annotations

from registry_tool.checks.rule import ModelRule

__all__ = ["RULES"]

RULES: tuple[ModelRule, ...] = ()
