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
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.cache import ModelVerdict, VerdictCache
from registry_tool.checks.change_kind import PARTS, ChangeKind, classify_change
from registry_tool.checks.comparison import list_changes
from registry_tool.checks.findings import Finding, Report, Severity, decide_verdict, in_order
from registry_tool.checks.rule import (
    ChangeRule,
    ChangeView,
    FileRule,
    FileView,
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
from registry_tool.checks.scope import Part, Scope, find_renamed, find_scope, is_inside
from registry_tool.checks.uniqueness import Claims
from registry_tool.checks.waivers import apply_waivers
from registry_tool.errors import MalformedTreeError, ShallowHistoryError
from registry_tool.git.tree import Entry, Tree, TreeChange, differences
from registry_tool.manifests.data import member, text, texts
from registry_tool.manifests.layout import OBJECTS, REGISTRY, SERVE
from registry_tool.names import ModelName

if TYPE_CHECKING:
    from registry_tool.git.history import FirstParentHistory

__all__ = ["check", "judge_file", "judge_models", "report_malformed"]

_SEVERITIES: dict[str, Severity] = {"refuse": "refuse", "review": "review", "warn": "warn"}
_RULES_OF_CLEAN: Final = tuple(rule for rule in FILE_RULES if not rule.of_problems)
_USUAL: Final[dict[str, Severity]] = {name: rule.severity for name, rule in RULES.items()}


def _harmless(words: str) -> str:
    """Words that may quote a file, without anything that could draw on a terminal or break a log line."""
    return words if words.isprintable() else words.encode("unicode_escape").decode()


class _Examined(NamedTuple):
    """What some rules find in one file, one model, the change or the registry.

    Rules are generators. They run while their violations are taken, in the loop of the check.

    Attributes:
        path: The file of violations that name none.
        violations: What each rule yields.
    """

    path: str
    violations: Sequence[tuple[Rule, Iterable[Violation]]]


class _FindingCollector:
    """Turns violations into findings: severity by policy, place by document.

    Attributes:
        findings: What was found so far.
    """

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
        self._skipped: dict[str, list[str]] = {}

    def take(self, examined: _Examined) -> None:
        """Record what rules find in one subject; a rule that the policy switches off is not run."""
        for rule, violations in examined.violations:
            severity = self._severities.get(rule.id)
            if severity is None:
                continue
            try:
                for hit in violations:
                    self._record(rule.id, severity, hit, hit.path or examined.path)
            except ShallowHistoryError as exc:
                if not isinstance(rule, ChangeRule):
                    raise
                self._skipped.setdefault(f"{exc.message}; {exc.remedy}", []).append(rule.id)

    def _record(self, rule: str, severity: Severity, hit: Violation, where: str) -> None:
        line, column = hit.place or self._locate(where, hit)
        self.findings.append(
            Finding(
                rule, severity, where, line, column, _harmless(hit.message), _harmless(hit.found),
                _harmless(hit.expected), _harmless(hit.remedy),
            )
        )  # fmt: skip

    def _locate(self, path: str, hit: Violation) -> tuple[int, int]:
        place = self._catalog.layout.locate(path)
        document = None
        if place is not None and place.kind != "card":
            document = self._catalog.document(path, place)
        return (1, 1) if document is None else document.where(hit.at)

    def notes(self) -> tuple[str, ...]:
        """Notes on the rules that need missing history."""
        return tuple(f"skipped {', '.join(ids)}: {words}" for words, ids in self._skipped.items())


def _rule_ids() -> frozenset[str]:
    from registry_tool.checks.rule_docs import all_rules  # few changes need them

    return frozenset(all_rules())


class _Parts:
    """The parts of a tree, examined one by one.

    Args:
        head: The tree under check.
        collector: Takes what is found in a part while it is examined.
        memory: Where verdicts on whole models are kept; None keeps none.

    Attributes:
        claims: The values that were claimed in them.
        checked: The number of their files.
    """

    def __init__(
        self, head: Catalog, collector: _FindingCollector, memory: VerdictCache | None
    ) -> None:
        self._head = head
        self._collector = collector
        self._memory = memory
        self.claims = Claims()
        self.checked = 0

    def examine(self, part: Part) -> Iterator[_Examined]:
        """Yield what rules find in a part; what is remembered of it goes to the collector at once."""
        model = part.model if part.files is None else None
        if model is None or self._memory is None:
            yield from self._examine_now(part)
            return
        known = self._memory.recall(model)
        if known is not None:
            self._collector.findings.extend(known.findings)
            self.claims.take(known.claims)
            self.checked += known.files
            return
        self._head.asked.clear()
        before, outer, self.claims = len(self._collector.findings), self.claims, Claims()
        files = self.checked
        yield from self._examine_now(part)
        found = tuple(self._collector.findings[before:])
        verdict = ModelVerdict(found, tuple(self.claims), self.checked - files, {})
        self._memory.keep(model, verdict)
        self.claims = outer
        self.claims.take(verdict.claims)

    def _examine_now(self, part: Part) -> Iterator[_Examined]:
        files = part.listed(self._head)
        self._head.tree.prefetch(path for path, _ in files)
        for path, entry in files:
            file = FileView(self._head, path, entry)
            document = file.document
            is_clean = document is None or not document.problems
            rules = _RULES_OF_CLEAN if is_clean else FILE_RULES
            yield _Examined(path, [(rule, rule.check(file)) for rule in rules])
            if document is not None:
                self.claims.add(document)
        if part.model is not None:
            model = ModelUnderCheck(self._head, part.model, touched=part.touched)
            if part.files is not None:
                model.prefetch("aliases", "tags")
            found = [(rule, rule.check(model)) for rule in MODEL_RULES]
            yield _Examined(f"{model.folder}/model.yaml", found)
        self.checked += len(files)


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
        collector = _FindingCollector(head, policy)
        for examined in _Parts(head, collector, memory).examine(Part(None, model)):
            collector.take(examined)
        head.forget_models()


def _find_claims(scope: Scope, head: Catalog) -> Claims:
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


def _narrow(violations: Iterable[Violation], paths: Sequence[str]) -> Iterable[Violation]:
    """The violations at or under some paths; all of them where no path is given."""
    if not paths:
        return violations
    return (hit for hit in violations if is_inside(hit.path or REGISTRY, paths))


def _examine(
    view: ChangeView,
    scope: Scope,
    parts: _Parts,
    paths: Sequence[str],
    progress: Callable[[int], None],
) -> Iterator[_Examined]:
    """Yield what all rules find: in files and models, in the change, and across the registry."""
    head = view.head
    if not scope.complete:
        parts.claims = _find_claims(scope, head)
    for part in scope.parts:
        before = parts.checked
        yield from parts.examine(part)
        progress(parts.checked - before)
        if scope.complete:
            head.forget_models()
    if view.changes:
        found = [(rule, _narrow(rule.check(view), paths)) for rule in CHANGE_RULES]
        yield _Examined(REGISTRY, found)
    models, namespaces, claims = scope.models, scope.namespaces, parts.claims
    if not scope.complete:
        claims.complete(head)
    renamed = find_renamed(view.changes)
    registry = RegistryView(head, models, namespaces, claims, view.now, scope.complete, renamed)
    yield _Examined(REGISTRY, [(rule, rule.check(registry)) for rule in REGISTRY_RULES])


def _merges_unseen(view: ChangeView, kind: ChangeKind | None) -> bool:
    """True when the policy of what is published lets a change of a kind that passes merge without a person."""
    if kind is None or not {*PARTS.get(kind, (kind,))} <= {*texts(view.base.settings, "automerge")}:
        return False
    from registry_tool.checks.review_needed import (
        unsigned_approvals,  # few registries have such a policy
    )

    return not unsigned_approvals(view)


def _soften(findings: Iterable[Finding], view: ChangeView) -> list[Finding]:
    """New restrictions judge what a change adds: what is published with it already only warns."""
    found = list(findings)
    if view.base is view.head or not any(map(_may_be_known, found)):
        return found
    known: dict[tuple[str, str], Counter[str]] = {}
    return [one._replace(severity="warn") if _is_known(one, view, known) else one for one in found]


def _may_be_known(one: Finding) -> bool:
    """True for a rule that came later, and for places that had no meaning in earlier releases."""
    return one.rule in OF_WHAT_IS_ADDED or one.path == SERVE or one.path.startswith(f"{OBJECTS}/")


def _is_known(one: Finding, view: ChangeView, known: dict[tuple[str, str], Counter[str]]) -> bool:
    """True for a finding that the published file gave already."""
    if not _may_be_known(one):
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
        claims = _published_claims(view.base, one.path)
        whole = RegistryView(view.base, (), (), claims, view.now, complete=False)
        yield from (hit.message for hit in rule.check(whole) if hit.path == one.path)


def _published_claims(base: Catalog, path: str) -> Claims:
    """The claims of a file as it is published, and all others to the same values."""
    place = base.layout.locate(path)
    document = None if place is None else base.document(path, place)
    claims = Claims.of(() if document is None else [document])
    claims.complete(base)
    return claims


def _open(files: Tree | Catalog) -> Catalog:
    return files if isinstance(files, Catalog) else Catalog(files)


def check(
    head: Tree | Catalog,
    *,
    base: Tree | Catalog | None = None,
    published: Tree | Catalog | None = None,
    differing: Sequence[TreeChange] | None = None,
    line: FirstParentHistory | None = None,
    now: dt.datetime | None = None,
    paths: Sequence[str] = (),
    kept: Path | None = None,
    many: Callable[[int], None] = lambda _: None,
    progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """Check a tree, whole or as a change to a base. What a catalog has read of a tree is not read again.

    Args:
        head: The tree to judge.
        base: What it differs from, for choosing what to look at; None looks at everything.
        published: What is on the main branch already, and is therefore frozen; None is the base.
        differing: The files that differ from the base in path order, where the caller knows; None compares.
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
        catalog = _open(head)
        if base is not None and differing is None:
            differing = list(differences(_open(base).tree, catalog.tree))
        published = base if published is None else published
        given = differing if published is base else None
        known, changes = list_changes(published, catalog, given)
        view = ChangeView(known, catalog, changes, line, now, _rule_ids)
        scope = find_scope(catalog, differing, paths)
        memory = None
        if kept is not None:
            memory = VerdictCache(kept, catalog, view.base, lambda: many(len(scope.models)))
        collector = _FindingCollector(catalog, view.base)
        parts = _Parts(catalog, collector, memory)
        for examined in _examine(view, scope, parts, paths, progress):
            collector.take(examined)
        return _build_report(view, collector, parts.checked, paths)
    except MalformedTreeError as exc:
        return report_malformed(exc)


def _build_report(
    view: ChangeView, collector: _FindingCollector, checked: int, paths: Sequence[str]
) -> Report:
    """The report on what was found."""
    found, notes = _soften(collector.findings, view), collector.notes()
    findings = in_order(apply_waivers(found, view.base, view.head, view.now.date()))
    verdict, kind = decide_verdict(findings), classify_change(view.changes)
    # What is narrowed, was not answered, or passes by a waiver only, is for a person to look at.
    passes = not paths and not notes and decide_verdict(found) == "pass"
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
    collector.take(_Examined(file.path, [(rule, rule.check(file)) for rule in rules]))
    return collector.findings


def report_malformed(trouble: MalformedTreeError) -> Report:
    """The report on a commit with a folder that cannot be read in one way: nothing else in it is judged."""
    path = _harmless(trouble.path or REGISTRY)
    message, remedy = _harmless(trouble.message), _harmless(trouble.remedy)
    expected = "a tree object as Git writes it"
    finding = Finding("F116", "refuse", path, 1, 1, message, "", expected, remedy)
    return Report("refuse", (finding,), 0)
