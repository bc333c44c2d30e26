"""The table of all rules, by what they look at."""

from __future__ import annotations

from registry_tool.checks.rule import ChangeRule, FileRule, ModelRule, RegistryRule, Rule
from registry_tool.checks.rules import (
    artifacts,
    deletion,
    device_names,
    drafts,
    dvc,
    encryption,
    evidence,
    file,
    immutability,
    lifecycle,
    names,
    objects,
    policy,
    promotion,
    references,
    registry,
    reserved_names,
    secrets,
    titles,
    uniqueness,
    versions,
    waivers,
)

__all__ = [
    "CHANGE_RULES",
    "FILE_RULES",
    "MODEL_RULES",
    "OF_WHAT_IS_ADDED",
    "REGISTRY_RULES",
    "RULES",
]

_NOUNS = (
    file, names, device_names, reserved_names, secrets, dvc, artifacts, versions, references,
    evidence, encryption, drafts, policy, registry, uniqueness, waivers, immutability, lifecycle, promotion,
    titles, deletion, objects,
)  # fmt: skip
_ALL: tuple[Rule, ...] = tuple(
    sorted((rule for noun in _NOUNS for rule in noun.RULES), key=lambda rule: rule.id)
)
FILE_RULES: tuple[FileRule, ...] = tuple(r for r in _ALL if isinstance(r, FileRule))
MODEL_RULES: tuple[ModelRule, ...] = tuple(r for r in _ALL if isinstance(r, ModelRule))
REGISTRY_RULES: tuple[RegistryRule, ...] = tuple(r for r in _ALL if isinstance(r, RegistryRule))
CHANGE_RULES: tuple[ChangeRule, ...] = tuple(r for r in _ALL if isinstance(r, ChangeRule))
RULES: dict[str, Rule] = {rule.id: rule for rule in _ALL}
# Rules that came when registries were published with what they refuse: about that they only warn.
OF_WHAT_IS_ADDED: frozenset[str] = frozenset({"F121", "R315", "R316", "R319"})
