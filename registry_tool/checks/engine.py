"""The check: which rules run on which subjects, and what the findings amount to.

With a base, what differs from it is checked with its neighbourhood: the changed files, the models they belong to,
the models that name those, and values that must be unique across the registry. Without a base, everything is.
With a published state, the change to it is judged too. Severities and waivers come from there, so a change cannot
soften the rules it is judged by.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from registry_tool.catalog.index import Catalog, ModelView
from registry_tool.checks.claims import Claims
from registry_tool.checks.findings import Finding, Report, Severity, in_order, verdict_of
from registry_tool.checks.kinds import kind_of
from registry_tool.checks.rule import ChangeView, FileView, Hit, Located, RegistryView, Rule
from registry_tool.checks.rules import (
    CHANGE_RULES,
    FILE_RULES,
    MODEL_RULES,
    REGISTRY_RULES,
    RULES,
)
from registry_tool.checks.waivers import waived
from registry_tool.errors import ShallowHistory
from registry_tool.git.tree import Change, Entry, Tree, differences, walk
from registry_tool.manifests.data import member, text, texts
from registry_tool.manifests.layout import MODELS, REGISTRY, Place
from registry_tool.names import DEFAULT_NAMESPACE, ModelName

if TYPE_CHECKING:
    from registry_tool.git.line import Line

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
    files = tuple((path, entry) for path, entry in scope.files if _is_inside(path, paths))
    places = (catalog.layout.locate(path) for path, _ in files)
    wanted = {place.model for place in places if place is not None}
    models = tuple(m for m in scope.models if m in wanted)
    namespaces = tuple(
        n for n in scope.namespaces if _is_inside(catalog.layout.namespace(n), paths)
    )
    return _Scope(files, models, namespaces, complete=False)


def _scope(catalog: Catalog, base: Tree | None, paths: Sequence[str]) -> _Scope:
    changes = [] if base is None else list(differences(base, catalog.tree))
    if base is None or any(c.path.startswith(_POLICY) for c in changes):
        scope = _whole(catalog)
    else:
        scope = _touching(catalog, changes)
    return _narrowed(catalog, scope, paths) if paths else scope


def _compared(
    published: Tree | None, head: Catalog, line: Line | None, now: dt.datetime
) -> ChangeView:
    """The change to what is published; without anything published the head is its own base, and nothing differs."""
    if published is None or published.entry(REGISTRY) is None:
        return ChangeView(head, head, (), line, now)
    base = Catalog(published)
    changes = []
    for path, before, after in differences(published, head.tree):
        layout = (base if after is None else head).layout
        changes.append(Located(path, before, after, layout.locate(path)))
    return ChangeView(base, head, tuple(changes), line, now)


def _judged(view: ChangeView) -> tuple[list[Finding], tuple[str, ...]]:
    """What the rules about changes find, and notes on those that need history which is not there."""
    desk = _Desk(view.head, view.base)
    notes: dict[str, list[str]] = {}
    for rule in CHANGE_RULES if view.changes else ():
        try:
            desk.take(rule, rule.check(view), REGISTRY)
        except ShallowHistory as exc:
            notes.setdefault(f"{exc.message}; {exc.remedy}", []).append(rule.id)
    said = tuple(f"{', '.join(rules)} not answered: {words}" for words, rules in notes.items())
    return desk.findings, said


def _look(head: Catalog, scope: _Scope, desk: _Desk, progress: Callable[[], None]) -> None:
    """Run the rules about files, models and the registry."""
    claims = Claims()
    for path, entry in scope.files:
        file = FileView(head, path, entry)
        for file_rule in FILE_RULES:
            desk.take(file_rule, file_rule.check(file), path)
        if file.document is not None:
            claims.add(file.document)
        progress()
    for name in scope.models:
        model = ModelView(head, name)
        for model_rule in MODEL_RULES:
            desk.take(model_rule, model_rule.check(model), f"{model.folder}/model.yaml")
        progress()
    if not scope.complete:
        claims.complete(head)
    registry = RegistryView(head, scope.models, scope.namespaces, claims, scope.complete)
    for registry_rule in REGISTRY_RULES:
        desk.take(registry_rule, registry_rule.check(registry), REGISTRY)


def check(
    head: Tree,
    *,
    base: Tree | None = None,
    published: Tree | None = None,
    line: Line | None = None,
    now: dt.datetime | None = None,
    paths: Sequence[str] = (),
    progress: Callable[[], None] = lambda: None,
) -> Report:
    """Check a tree, whole or as a change to a base.

    Args:
        head: The tree to judge.
        base: What it differs from, for choosing what to look at; None looks at everything.
        published: What is on the main branch already, and is therefore frozen; None is the base.
        line: The history that ends at what is published; None where there is none.
        now: The time, for waivers and gates; None is the clock's.
        paths: Files and folders to which the check is narrowed; none of them means no narrowing.
        progress: Called once for each file and model.

    Returns:
        The report; a bad file is a finding, never an exception.
    """
    published = base if published is None else published
    now = dt.datetime.now(dt.UTC) if now is None else now
    catalog = Catalog(head)
    view = _compared(published, catalog, line, now)
    desk = _Desk(catalog, view.base)
    scope = _scope(catalog, base, paths)
    head.prefetch(path for path, _ in scope.files)
    _look(catalog, scope, desk, progress)
    judged, notes = _judged(view)
    found = [*desk.findings, *(f for f in judged if not paths or _is_inside(f.path, paths))]
    findings = in_order(waived(found, view.base, now.date()))
    verdict, kind = verdict_of(findings), kind_of(view.changes) or ""
    automerge = verdict == "pass" and kind in texts(view.base.settings, "automerge")
    return Report(verdict, findings, len(scope.files), notes, kind, automerge)
