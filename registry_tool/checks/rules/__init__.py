"""The table of all rules, by what they look at."""

from __future__ import annotations

from registry_tool.checks.rule import FileRule, ModelRule, RegistryRule, Rule
from registry_tool.checks.rules import file, model, registry

__all__ = ["FILE_RULES", "MODEL_RULES", "REGISTRY_RULES", "RULES"]

FILE_RULES: tuple[FileRule, ...] = file.RULES
MODEL_RULES: tuple[ModelRule, ...] = model.RULES
REGISTRY_RULES: tuple[RegistryRule, ...] = registry.RULES
_ALL: tuple[Rule, ...] = (*FILE_RULES, *MODEL_RULES, *REGISTRY_RULES)
RULES: dict[str, Rule] = {rule.id: rule for rule in _ALL}
