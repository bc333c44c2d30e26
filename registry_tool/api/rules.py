"""The rules of the check, with their documentation."""

from __future__ import annotations

from registry_tool.checks.rule_docs import Explained, explain, explain_rules

__all__ = ["Explained", "explain", "explain_rules"]
