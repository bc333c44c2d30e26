"""Every rule against its corpus: ``tests/corpus/<rule>/{good,bad}/<case>.yaml``, each a change to a shared registry.

``support/corpus_cases.py`` says how a case is written. ``expected`` of a bad case lists all findings of the check, one a line.
"""

from __future__ import annotations

import datetime as dt
import inspect
import tempfile
from pathlib import Path

import pytest
from support import git
from support.corpus_cases import Case, case_paths, read_case, tree_of
from support.corpus_repositories import commit_files

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.engine import check
from registry_tool.checks.findings import Finding, Report
from registry_tool.checks.rules import RULES
from registry_tool.git.command import find_repository
from registry_tool.git.history import FirstParentHistory
from registry_tool.git.tree import differences, walk
from registry_tool.manifests.layout import MANIFEST_KINDS

GOOD = case_paths("good")
BAD = case_paths("bad")
NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)


def published_line(case: Case, folder: Path) -> FirstParentHistory:
    """A repository in which ``published`` follows on ``past``."""
    assert case.past is not None
    assert case.published is not None
    git(folder, "init", "--quiet")
    past = commit_files(folder, case.past, message="past")
    published = commit_files(folder, case.published, past, message="published")
    found = find_repository(folder)
    assert found is not None
    return FirstParentHistory(found, published)


def report_of(case: Case) -> Report:
    if case.published is None:
        return check(tree_of(case.head), now=NOW)
    head, base = tree_of(case.head), tree_of(case.published)
    if case.past is None:
        return check(head, base=base, now=NOW)
    with tempfile.TemporaryDirectory() as folder:
        return check(head, base=base, line=published_line(case, Path(folder)), now=NOW)


def line_of(finding: Finding) -> str:
    path = ascii(finding.path)[1:-1]
    return f"{path}:{finding.line}:{finding.column} {finding.rule} {finding.message}\n"


def name_of(path: Path) -> str:
    return f"{path.parts[-3]}-{path.stem}"


@pytest.mark.parametrize("path", GOOD, ids=name_of)
def test_good_case_is_not_refused_and_its_rule_is_silent(path: Path) -> None:
    case = read_case(path)
    found = report_of(case).findings
    assert [line_of(f) for f in found if f.rule == case.rule or f.severity == "refuse"] == []


@pytest.mark.parametrize("path", BAD, ids=name_of)
def test_bad_case_gives_exactly_the_findings_it_expects(path: Path) -> None:
    case = read_case(path)
    found = report_of(case).findings
    assert "".join(line_of(f) for f in found) == case.expected
    assert any(f.rule == case.rule for f in found)


@pytest.mark.parametrize("path", BAD, ids=name_of)
def test_what_was_read_of_the_base_before_changes_no_verdict(path: Path) -> None:
    case = read_case(path)
    if case.published is None or case.past is not None:
        return
    head, base = tree_of(case.head), tree_of(case.published)
    known = Catalog(base)
    for file, _ in walk(base):
        place = known.layout.locate(file)
        if place is not None and place.kind in MANIFEST_KINDS:
            known.document(file, place)
    changed = {change.path for change in differences(base, head)}
    found = check(known.after(changed, head), base=known, now=NOW).findings
    assert "".join(line_of(f) for f in found) == case.expected


@pytest.mark.parametrize("path", BAD, ids=name_of)
def test_findings_are_one_harmless_line_and_say_what_to_do(path: Path) -> None:
    for finding in report_of(read_case(path)).findings:
        for words in (finding.message, finding.found, finding.expected, finding.remedy):
            assert words.isprintable(), words
        assert finding.remedy or finding.expected


@pytest.mark.parametrize("rule_id", RULES)
def test_every_rule_has_good_and_bad_cases(rule_id: str) -> None:
    assert [path for path in GOOD if path.parts[-3] == rule_id]
    assert [path for path in BAD if path.parts[-3] == rule_id]


def test_every_case_is_that_of_a_rule() -> None:
    assert {path.parts[-3] for path in [*GOOD, *BAD]} == set(RULES)


@pytest.mark.parametrize("rule_id", RULES)
def test_every_rule_is_documented(rule_id: str) -> None:
    rule = RULES[rule_id]
    text = inspect.getdoc(rule.check) or ""
    must, why, *rest = text.split("\n\n")
    assert must.endswith(".")
    assert "\n" not in must
    assert why
    assert any(part.startswith("How to fix:") for part in rest)
    assert rest[-1].startswith("Example:\n    ")
    assert rule.title[0].islower() or rule.title.startswith("registry.yaml")


def test_no_secret_is_shown() -> None:
    for path in case_paths("bad", rule="F111"):
        for finding in report_of(read_case(path)).findings:
            said = finding.message + finding.found + finding.expected + finding.remedy
            for secret in ("hunter2", "wJalrX", "0123456789abc", "ABCDEFGHIJKL", "eyJhbGci"):
                assert secret not in said
