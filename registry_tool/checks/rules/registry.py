"""Rules that look at the registry as a whole."""

from __future__ import annotations

from registry_tool.checks.rule import RegistryRule

__all__ = ["RULES"]

RULES: tuple[RegistryRule, ...] = ()
