"""The engine: it runs the rules on their subjects, and decides the verdict.

With a base, it checks the changes since then and their neighborhood: the changed files, the models they belong to, the
models that refer to those, and values that must be unique in the registry. Without a base, it checks everything. With a
published state, it also checks the change to that state. Severities and waivers come from there, so a change cannot
soften the rules that apply to it.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.cache import ModelVerdict, VerdictCache
from registry_tool.checks.change_kind import PARTS, ChangeKind, kind_of
from registry_tool.checks.findings import Finding, Report, Severity, in_order, verdict_of
from registry_tool.checks.rule import (
    ChangeView,
    FileRule,
    FileView,
    Located,
    ModelUnderCheck,
    RegistryRule,
    RegistryView,
    Rule,
    Violation,
)
from registry_tool.checks.rules import (
    CHANGE_RULES,
    FILE_RULES,
    MODEL_RULES,
    OF_WHAT_IS_ADDED,
    REGISTRY_RULES,
    RULES,
)
from registry_tool.checks.scope import Part, Scope, is_inside, scope_of
from registry_tool.checks.uniqueness import Claims
from registry_tool.checks.waivers import waived
from registry_tool.errors import MalformedTreeError, ShallowHistoryError
from registry_tool.git.tree import Entry, Tree, TreeChange, differences
from registry_tool.manifests.data import member, text, texts
from registry_tool.manifests.document import READ_LIMIT
from registry_tool.manifests.layout import REGISTRY
from registry_tool.names import ModelName

if TYPE_CHECKING:
    from registry_tool.git.history import FirstParentHistory
    from registry_tool.manifests.document import Document

__all__ = ["check", "judge_file", "judge_models", "malformed"]

_SEVERITIES: dict[str, Severity] = {"refuse": "refuse", "review": "review", "warn": "warn"}
_RULES_OF_CLEAN: Final = tuple(rule for rule in FILE_RULES if not rule.of_problems)
_USUAL: Final[dict[str, Severity]] = {name: rule.severity for name, rule in RULES.items()}


def _harmless(words: str) -> str:
    """Words that may quote a file, without anything that could draw on a terminal or break a log line."""
    return words if words.isprintable() else words.encode("unicode_escape").decode()


class _FindingCollector:
    """Turns hits into findings: severity by policy, place by document."""

    def __init__(self, catalog: Catalog, policy: Catalog) -> None:
        self._catalog = catalog
        said = member(policy.settings, "rules")
        # Once for the check, not once for each file and rule; a rule that is not in here is off.
        self._severities = dict(_USUAL)
        for name in _USUAL.keys() & said.keys():
            chosen = text(said, name)
            self._severities[name] = _SEVERITIES.get(chosen, _USUAL[name])
            if chosen == "off":
                del self._severities[name]
        self.findings: list[Finding] = []

    def take(self, rule: Rule, hits: Iterable[Violation], path: str) -> None:
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

    def _place(self, path: str, hit: Violation) -> tuple[int, int]:
        place = self._catalog.layout.locate(path)
        document = None
        if place is not None and place.kind != "card":
            document = self._catalog.document(path, place)
        return (1, 1) if document is None else document.where(hit.at)


def _located(base: Catalog, head: Catalog, change: TreeChange) -> Located | None:
    """A difference and what it is about; None for a file without an id that turns out to be the published one."""
    path, before, after = change
    if before is not None and after is not None and len(before.oid) != len(after.oid):
        published = base.tree.read(path, limit=READ_LIMIT)
        if published is not None and published == head.tree.read(path, limit=READ_LIMIT):
            after = after._replace(oid=before.oid)
    if before == after:
        return None
    # Where files lie was fixed when the registry was made; a change that says otherwise is judged by that.
    place = base.layout.locate(path)
    upgrades = False
    if before is not None and after is not None and place is not None and place.kind == "model":
        documents = base.document(path, place), head.document(path, place)
        upgrades = before.mode == after.mode and _only_upgrades(*documents)
    return Located(path, before, after, place, upgrades)


def _only_upgrades(before: Document | None, after: Document | None) -> bool:
    """True where a manifest names a later version of its schema, and no other byte differs."""
    if before is None or after is None or before.data is None or after.data is None:
        return False
    old, new = text(before.data, "schema"), text(after.data, "schema")
    is_later = int(old.rpartition("/v")[2]) < int(new.rpartition("/v")[2])
    return is_later and before.source.replace(old.encode(), new.encode(), 1) == after.source


def _rule_ids() -> frozenset[str]:
    from registry_tool.checks.rule_docs import all_rules  # few changes need them

    return frozenset(all_rules())


def _compared(
    published: Tree | None, head: Catalog, line: FirstParentHistory | None, now: dt.datetime
) -> ChangeView:
    """The change to what is published; without anything published the head is its own base, and nothing differs."""
    if published is None or published.entry(REGISTRY) is None:
        return ChangeView(head, head, (), line, now, _rule_ids)
    base = Catalog(published)
    found = (_located(base, head, change) for change in differences(published, head.tree))
    return ChangeView(base, head, tuple(filter(None, found)), line, now, _rule_ids)


def _judged(view: ChangeView) -> tuple[list[Finding], tuple[str, ...]]:
    """What the rules about changes find, and notes on those that need history which is not there."""
    collector = _FindingCollector(view.head, view.base)
    notes: dict[str, list[str]] = {}
    for rule in CHANGE_RULES if view.changes else ():
        try:
            collector.take(rule, rule.check(view), REGISTRY)
        except ShallowHistoryError as exc:
            notes.setdefault(f"{exc.message}; {exc.remedy}", []).append(rule.id)
    said = tuple(f"skipped {', '.join(rules)}: {words}" for words, rules in notes.items())
    return collector.findings, said


def _look_at(part: Part, head: Catalog, collector: _FindingCollector) -> ModelVerdict:
    """Run the rules about files and models on one part."""
    before, claims = len(collector.findings), Claims()
    files = part.listed(head)
    head.tree.prefetch(path for path, _ in files)
    for path, entry in files:
        file = FileView(head, path, entry)
        document = file.document
        is_clean = document is None or not document.problems
        for file_rule in _RULES_OF_CLEAN if is_clean else FILE_RULES:
            collector.take(file_rule, file_rule.check(file), path)
        if document is not None:
            claims.add(document)
    if part.model is not None:
        model = ModelUnderCheck(head, part.model, touched=part.touched)
        for model_rule in MODEL_RULES:
            collector.take(model_rule, model_rule.check(model), f"{model.folder}/model.yaml")
    found = tuple(collector.findings[before:])
    return ModelVerdict(found, tuple(claims), len(files), {})


def _look_once(
    part: Part, head: Catalog, collector: _FindingCollector, memory: VerdictCache | None
) -> ModelVerdict:
    """What is found in one part, remembered or looked at now."""
    if memory is None or part.model is None or part.files is not None:
        return _look_at(part, head, collector)
    known = memory.recall(part.model)
    if known is not None:
        collector.findings.extend(known.findings)
        return known
    head.asked.clear()
    found = _look_at(part, head, collector)
    memory.keep(part.model, found)
    return found


def judge_models(
    head: Catalog,
    policy: Catalog,
    models: Iterable[ModelName],
    memory: VerdictCache,
    *,
    enough: int,
) -> None:
    """Judge models for the memory alone, until so many in a row were known already.

    Args:
        head: The tree under check.
        policy: What severities come from.
        models: Which, in which order.
        memory: Where verdicts are kept.
        enough: After how many known ones to stop.
    """
    known = 0
    for model in models:
        if memory.recall(model) is not None:
            known += 1
            if known >= enough:
                return
            continue
        known = 0
        _look_once(Part(None, model), head, _FindingCollector(head, policy), memory)
        head.forget_models()


def _claimed(scope: Scope, head: Catalog) -> Claims:
    """The claims of a change, of which the tree is asked already who else makes them: that takes a while."""
    claims = Claims()
    for part in scope.parts:
        files = part.listed(head)
        head.tree.prefetch(path for path, _ in files)
        documents = (FileView(head, path, entry).document for path, entry in files)
        for document in filter(None, documents):
            claims.add(document)
    claims.ask(head)
    return claims


def _look(
    view: ChangeView,
    scope: Scope,
    collector: _FindingCollector,
    memory: VerdictCache | None,
    progress: Callable[[int], None],
) -> tuple[RegistryView, int]:
    """Run the rules about files and models; what the rules about the registry see, and how many files there were."""
    head, checked = view.head, 0
    claims = Claims() if scope.complete else _claimed(scope, view.head)
    for part in scope.parts:
        known = _look_once(part, head, collector, memory)
        claims.take(known.claims)
        checked += known.files
        progress(known.files)
        if scope.complete:
            head.forget_models()
    models, namespaces = scope.models, scope.namespaces
    return RegistryView(head, models, namespaces, claims, view.now, scope.complete), checked


def _look_across(registry: RegistryView, collector: _FindingCollector) -> None:
    """Run the rules about the registry."""
    if not registry.complete:
        registry.claims.complete(registry.catalog)
    for rule in REGISTRY_RULES:
        collector.take(rule, rule.check(registry), REGISTRY)


def _merges_unseen(view: ChangeView, kind: ChangeKind | None) -> bool:
    """True when the policy of what is published lets a change of a kind that passes merge without a person."""
    if kind is None or not {*PARTS.get(kind, (kind,))} <= {*texts(view.base.settings, "automerge")}:
        return False
    from registry_tool.checks.review_needed import (
        unsigned_approvals,  # few registries have such a policy
    )

    return not unsigned_approvals(view)


def _softened(findings: Iterable[Finding], view: ChangeView) -> list[Finding]:
    """New restrictions judge what a change adds: what is published with it already only warns."""
    found = list(findings)
    if view.base is view.head or not any(one.rule in OF_WHAT_IS_ADDED for one in found):
        return found
    known: dict[tuple[str, str], Counter[str]] = {}
    return [one._replace(severity="warn") if _is_known(one, view, known) else one for one in found]


def _is_known(one: Finding, view: ChangeView, known: dict[tuple[str, str], Counter[str]]) -> bool:
    """True for a finding that the published file gave already."""
    if one.rule not in OF_WHAT_IS_ADDED:
        return False
    before = view.base.tree.entry(one.path)
    if before is None or before == view.head.tree.entry(one.path):
        return before is not None
    key = (one.rule, one.path)
    if key not in known:
        known[key] = Counter(map(_harmless, _said_before(one, view, before)))
    known[key][one.message] -= 1
    return known[key][one.message] >= 0


def _said_before(one: Finding, view: ChangeView, entry: Entry) -> Iterator[str]:
    """What a rule says of a file as it is published."""
    rule = RULES[one.rule]
    if isinstance(rule, FileRule):
        yield from (hit.message for hit in rule.check(FileView(view.base, one.path, entry)))
    elif isinstance(rule, RegistryRule):
        whole = RegistryView(view.base, (), (), Claims(), view.now, complete=False)
        yield from (hit.message for hit in rule.check(whole) if hit.path == one.path)


def check(
    head: Tree,
    *,
    base: Tree | None = None,
    published: Tree | None = None,
    line: FirstParentHistory | None = None,
    now: dt.datetime | None = None,
    paths: Sequence[str] = (),
    kept: Path | None = None,
    many: Callable[[int], None] = lambda _: None,
    progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """Check a tree, whole or as a change to a base.

    Args:
        head: The tree to judge.
        base: What it differs from, for choosing what to look at; None looks at everything.
        published: What is on the main branch already, and is therefore frozen; None is the base.
        line: The history that ends at what is published; None where there is none.
        now: The time, for waivers and gates; None is the clock's.
        paths: Files and folders to which the check is narrowed; none of them means no narrowing.
        kept: A folder where verdicts on whole models are kept between checks; None keeps none.
        many: Called once with the number of models, when many of them have no verdict in ``kept``.
        progress: Called with the number of files that were looked at since it was called last.

    Returns:
        The report; a bad file is a finding, never an exception.
    """
    now = dt.datetime.now(dt.UTC) if now is None else now
    try:
        catalog = Catalog(head)
        view = _compared(base if published is None else published, catalog, line, now)
        scope = scope_of(catalog, base, paths)
        memory = None
        if kept is not None:
            memory = VerdictCache(kept, catalog, view.base, lambda: many(len(scope.models)))
        return _report(view, scope, paths, memory, progress)
    except MalformedTreeError as exc:
        return malformed(exc)


def _report(
    view: ChangeView,
    scope: Scope,
    paths: Sequence[str],
    memory: VerdictCache | None,
    progress: Callable[[int], None],
) -> Report:
    """Run all rules, and say what they amount to."""
    collector = _FindingCollector(view.head, view.base)
    registry, checked = _look(view, scope, collector, memory, progress)
    judged, notes = _judged(view)
    _look_across(registry, collector)
    found = [*collector.findings, *(f for f in judged if not paths or is_inside(f.path, paths))]
    found = _softened(found, view)
    findings = in_order(waived(found, view.base, view.head, view.now.date()))
    verdict, kind = verdict_of(findings), kind_of(view.changes)
    # What is narrowed, was not answered, or passes by a waiver only, is for a person to look at.
    passes = not paths and not notes and verdict_of(found) == "pass"
    automerge = passes and _merges_unseen(view, kind)
    return Report(verdict, findings, checked, notes, kind or "", automerge)


def judge_file(rules: Iterable[FileRule], file: FileView, policy: Catalog) -> list[Finding]:
    """What some rules find in one file.

    Args:
        rules: Which.
        file: The file.
        policy: What severities come from.
    """
    collector = _FindingCollector(file.catalog, policy)
    for rule in rules:
        collector.take(rule, rule.check(file), file.path)
    return collector.findings


def malformed(trouble: MalformedTreeError) -> Report:
    """The report on a commit with a folder that cannot be read in one way: nothing else in it is judged."""
    path = _harmless(trouble.path or REGISTRY)
    message, remedy = _harmless(trouble.message), _harmless(trouble.remedy)
    expected = "a tree object as Git writes it"
    finding = Finding("F116", "refuse", path, 1, 1, message, "", expected, remedy)
    return Report("refuse", (finding,), 0)
