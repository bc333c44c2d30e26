"""The check: which rules run on which subjects, and what the findings amount to.

With a base, what differs from it is checked with its neighbourhood: the changed files, the models they belong to,
the models that name those, and values that must be unique across the registry. Without a base, everything is.
Severities come from the base, so a change cannot soften the rules it is judged by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from registry_tool.catalog.index import Catalog, ModelView
from registry_tool.checks.claims import Claims
from registry_tool.checks.findings import Finding, Report, Severity, in_order, verdict_of
from registry_tool.checks.rule import FileView, Hit, RegistryView, Rule
from registry_tool.checks.rules import FILE_RULES, MODEL_RULES, REGISTRY_RULES, RULES
from registry_tool.git.tree import Change, Entry, Tree, differences, walk
from registry_tool.manifests.data import member, text
from registry_tool.manifests.layout import MODELS, REGISTRY, Place
from registry_tool.names import DEFAULT_NAMESPACE, ModelName

__all__ = ["check"]

_SEVERITIES: dict[str, Severity] = {"refuse": "refuse", "review": "review", "warn": "warn"}
# What the verdict on unchanged files depends on.
_POLICY = (REGISTRY, "schemas/", ".dvc/config")


def _harmless(words: str) -> str:
    """Words that may quote a file, without anything that could draw on a terminal or break a log line."""
    return words if words.isprintable() else words.encode("unicode_escape").decode()


class _Scope(NamedTuple):
    """What a check looks at."""

    files: tuple[tuple[str, Entry], ...]
    models: tuple[ModelName, ...]
    namespaces: tuple[str, ...]
    complete: bool


class _Desk:
    """Turns hits into findings: severity by policy, place by document."""

    def __init__(self, catalog: Catalog, policy: Catalog) -> None:
        self._catalog = catalog
        said = member(policy.settings, "rules")
        # Once for the check, not once for each file and rule; a rule that is not in here is off.
        self._severities = {
            name: _SEVERITIES.get(text(said, name), rule.severity)
            for name, rule in RULES.items()
            if text(said, name) != "off"
        }
        self.findings: list[Finding] = []

    def take(self, rule: Rule, hits: Iterable[Hit], path: str) -> None:
        """Record one rule's hits on one subject; a rule that the policy switches off is not run."""
        severity = self._severities.get(rule.id)
        if severity is None:
            return
        for hit in hits:
            where = hit.path or path
            line, column = hit.place or self._place(where, hit)
            self.findings.append(
                Finding(
                    rule.id, severity, where, line, column,
                    _harmless(hit.message), _harmless(hit.found),
                    _harmless(hit.expected), _harmless(hit.remedy),
                )
            )  # fmt: skip

    def _place(self, path: str, hit: Hit) -> tuple[int, int]:
        place = self._catalog.layout.locate(path)
        document = None
        if place is not None and place.kind != "card":
            document = self._catalog.document(path, place)
        return (1, 1) if document is None else document.where(hit.at)


def _whole(catalog: Catalog) -> _Scope:
    models = tuple(catalog.model_names())
    return _Scope(tuple(walk(catalog.tree)), models, tuple(catalog.namespaces()), complete=True)


def _is_named(place: Place, change: Change) -> bool:
    """True where another model's reference may depend on what happened to this file."""
    if place.kind in {"tag", "alias"}:
        return change.head is None or place.kind == "tag"
    return place.kind in {"version", "status", "model"}


def _needles(models: Iterable[ModelName]) -> list[str]:
    """How other files may name these models; a reference may leave the default namespace out."""
    found = {m.name if m.namespace == DEFAULT_NAMESPACE else str(m) for m in models}
    # No reference holds a name that is not ASCII, and not every such name can be encoded.
    return sorted(name for name in found if name.isascii())


def _touching(catalog: Catalog, changes: list[Change]) -> _Scope:
    """The scope of a change: its files, their models, and the models that name what went away."""
    files = tuple((c.path, c.head) for c in changes if c.head is not None)
    places = [catalog.layout.locate(c.path) for c in changes]
    models = {p.model for p in places if p is not None and p.model is not None}
    gone = _needles(
        {m for m in models if catalog.model(m) is None}
        | {
            p.model
            for p, c in zip(places, changes, strict=True)
            if p is not None and p.model is not None and c.base is not None and _is_named(p, c)
        }
    )
    for path in catalog.tree.grep(gone, under=MODELS) if gone else ():
        place = catalog.layout.locate(path)
        if place is not None and place.model is not None:
            models.add(place.model)
    namespaces = {m.namespace for m in models} | {
        c.path.split("/")[1] for c in changes if c.path.startswith(f"{MODELS}/")
    }
    present = sorted(m for m in models if catalog.model(m) is not None)
    return _Scope(files, tuple(present), tuple(sorted(namespaces)), complete=False)


def _narrowed(catalog: Catalog, scope: _Scope, paths: Sequence[str]) -> _Scope:
    """The part of a scope that lies at or under some paths."""
    prefixes = tuple(p.rstrip("/") for p in paths)

    def inside(path: str) -> bool:
        return any(not p or path == p or path.startswith(f"{p}/") for p in prefixes)

    files = tuple((path, entry) for path, entry in scope.files if inside(path))
    places = (catalog.layout.locate(path) for path, _ in files)
    wanted = {place.model for place in places if place is not None}
    models = tuple(m for m in scope.models if m in wanted)
    namespaces = tuple(n for n in scope.namespaces if inside(catalog.layout.namespace(n)))
    return _Scope(files, models, namespaces, complete=False)


def _scope(catalog: Catalog, base: Tree | None, paths: Sequence[str]) -> _Scope:
    changes = [] if base is None else list(differences(base, catalog.tree))
    if base is None or any(c.path.startswith(_POLICY) for c in changes):
        scope = _whole(catalog)
    else:
        scope = _touching(catalog, changes)
    return _narrowed(catalog, scope, paths) if paths else scope


def check(
    head: Tree,
    *,
    base: Tree | None = None,
    paths: Sequence[str] = (),
    progress: Callable[[], None] = lambda: None,
) -> Report:
    """Check a tree, whole or as a change to a base.

    Args:
        head: The tree to judge.
        base: What it is a change to; None checks everything.
        paths: Files and folders to which the check is narrowed; none of them means no narrowing.
        progress: Called once for each file and model.

    Returns:
        The report; a bad file is a finding, never an exception.
    """
    catalog = Catalog(head)
    policy = Catalog(base) if base is not None and base.entry(REGISTRY) is not None else catalog
    desk = _Desk(catalog, policy)
    scope = _scope(catalog, base, paths)
    head.prefetch(path for path, _ in scope.files)
    claims = Claims()
    for path, entry in scope.files:
        file = FileView(catalog, path, entry)
        for file_rule in FILE_RULES:
            desk.take(file_rule, file_rule.check(file), path)
        if file.document is not None:
            claims.add(file.document)
        progress()
    for name in scope.models:
        model = ModelView(catalog, name)
        for model_rule in MODEL_RULES:
            desk.take(model_rule, model_rule.check(model), f"{model.folder}/model.yaml")
        progress()
    if not scope.complete:
        claims.complete(catalog)
    registry = RegistryView(catalog, scope.models, scope.namespaces, claims, scope.complete)
    for registry_rule in REGISTRY_RULES:
        desk.take(registry_rule, registry_rule.check(registry), REGISTRY)
    findings = in_order(desk.findings)
    return Report(verdict_of(findings), findings, len(scope.files))
