"""The rules as a reader sees them: id, title, severity, what they look at, and their documentation."""

from __future__ import annotations

import inspect
from typing import NamedTuple

from registry_tool.checks.ignored_files import HIDDEN, WorkTreeRule
from registry_tool.checks.remote import AVAILABLE, MOVES, ArtifactRule, MovingRule
from registry_tool.checks.rule import Rule
from registry_tool.checks.rules import RULES
from registry_tool.errors import NotFoundError

__all__ = ["SCOPES", "Explained", "all_rules", "explain", "explain_rules"]

# By the first letter of an id: what a rule looks at.
SCOPES = {"F": "file", "M": "model", "R": "registry", "C": "change", "A": "artifact"}
_SUGGESTIONS = 3


class Explained(NamedTuple):
    """One rule, for reading.

    Attributes:
        id: Permanent, such as ``M203``.
        title: What must hold, in a few words.
        severity: ``refuse``, ``review`` or ``warn``, where the registry says nothing else.
        scope: ``file``, ``model``, ``registry``, ``change`` or ``artifact``.
        text: Its documentation.
    """

    id: str
    title: str
    severity: str
    scope: str
    text: str


_AnyRule = Rule | ArtifactRule | MovingRule | WorkTreeRule


def all_rules() -> dict[str, _AnyRule]:
    """Every rule by id, including those that the engine does not run: about artifacts and about ignored files."""
    others: tuple[_AnyRule, ...] = (AVAILABLE, MOVES, HIDDEN)
    return {**RULES, **{rule.id: rule for rule in others}}


def _explain(rule: _AnyRule) -> Explained:
    return Explained(
        id=rule.id,
        title=rule.title,
        severity=rule.severity,
        scope=SCOPES[rule.id[0]],
        text=inspect.getdoc(rule.check) or "",
    )


def explain_rules() -> dict[str, Explained]:
    """The documentation of all rules by id, in the order of ids."""
    return {rule_id: _explain(rule) for rule_id, rule in sorted(all_rules().items())}


def explain(rule_id: str) -> Explained:
    """One rule; upper and lower case are the same.

    Raises:
        NotFoundError: There is none of that id; the remedy names near ones.
    """
    rules = explain_rules()
    found = rules.get(rule_id.upper())
    if found is not None:
        return found
    import difflib

    near = difflib.get_close_matches(rule_id.upper(), rules, n=_SUGGESTIONS, cutoff=0.5)
    hint = "did you mean " + ", ".join(near) + "?" if near else "`registry rules` lists them"
    raise NotFoundError(f"there is no rule {rule_id[:60]!a}", remedy=hint)
