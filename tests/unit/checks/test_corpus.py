"""Every rule against its corpus: ``tests/corpus/<rule>/{good,bad}/<case>/``, one small registry in each.

A case of a rule about changes has two, ``base/`` and ``head/``; with ``past/`` too, what is published has a history of
two commits. ``expected.txt`` of a bad case holds all findings of the check, one a line. ``tree.json`` adds what a folder
in Git cannot hold or would not survive: modes, hostile names, CR LF, bytes that are not text, very many or very large
files::

    {"path": {"text": "…" or ["…", "…"], "repeat": ["…", times], "base64": "…", "mode": "100755",
              "series": count, "suffix": ".yaml"}}

Texts in pieces are put together; a secret is written in pieces, so that nobody's scanner takes it for one.
"""

from __future__ import annotations

import base64
import datetime as dt
import inspect
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from support import commit, git

from registry_tool.checks.engine import check
from registry_tool.checks.findings import Finding, Report
from registry_tool.checks.rules import RULES
from registry_tool.git.command import find_repository
from registry_tool.git.history import FirstParentHistory
from registry_tool.git.tree import FILE, DictTree

CORPUS = Path(__file__).parents[2] / "corpus"
GOOD = sorted(CORPUS.glob("[A-Z][0-9][0-9][0-9]/good/*"))
BAD = sorted(CORPUS.glob("[A-Z][0-9][0-9][0-9]/bad/*"))
OURS = frozenset({"expected.txt", "tree.json"})
NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)


def bytes_of(spec: dict[str, Any]) -> bytes:
    pieces: str | list[str] = spec.get("text", [])
    text = pieces if isinstance(pieces, str) else "".join(pieces)
    repeated, times = spec.get("repeat", ["", 0])
    whole: str = text + repeated * times
    return base64.b64decode(spec.get("base64", "")) + whole.encode()


def paths_of(path: str, spec: dict[str, Any]) -> list[str]:
    if "series" not in spec:
        return [path]
    return [f"{path}{number:05}{spec['suffix']}" for number in range(spec["series"])]


def tree_of(case: Path) -> DictTree:
    files = {
        path.relative_to(case).as_posix(): path.read_bytes()
        for path in case.rglob("*")
        if path.is_file() and path.relative_to(case).as_posix() not in OURS
    }
    modes: dict[str, int] = {}
    spec_file = case / "tree.json"
    specs = json.loads(spec_file.read_text()) if spec_file.exists() else {}
    for pattern, spec in specs.items():
        for path in paths_of(pattern, spec):
            files[path] = bytes_of(spec)
            modes[path] = int(spec["mode"], 8) if "mode" in spec else FILE
    return DictTree(files, modes=modes)


def published_line(case: Path, folder: Path) -> FirstParentHistory:
    """A repository in which ``base/`` follows on ``past/``."""
    git(folder, "init", "--quiet")
    for state in ("past", "base"):
        git(folder, "rm", "-r", "-q", "--ignore-unmatch", ".")
        shutil.copytree(case / state, folder, dirs_exist_ok=True)
        commit(folder, state)
    found = find_repository(folder)
    assert found is not None
    return FirstParentHistory(found, git(folder, "rev-parse", "HEAD"))


def report_of(case: Path) -> Report:
    if not (case / "base").is_dir():
        return check(tree_of(case), now=NOW)
    head, base = tree_of(case / "head"), tree_of(case / "base")
    if not (case / "past").is_dir():
        return check(head, base=base, now=NOW)
    with tempfile.TemporaryDirectory() as folder:
        return check(head, base=base, line=published_line(case, Path(folder)), now=NOW)


def line_of(finding: Finding) -> str:
    path = ascii(finding.path)[1:-1]
    return f"{path}:{finding.line}:{finding.column} {finding.rule} {finding.message}\n"


def name_of(case: Path) -> str:
    return f"{case.parts[-3]}-{case.name}"


@pytest.mark.parametrize("case", GOOD, ids=name_of)
def test_good_case_is_not_refused_and_its_rule_is_silent(case: Path) -> None:
    rule = case.parts[-3]
    found = report_of(case).findings
    assert [line_of(f) for f in found if f.rule == rule or f.severity == "refuse"] == []


@pytest.mark.parametrize("case", BAD, ids=name_of)
def test_bad_case_gives_exactly_the_findings_it_expects(case: Path) -> None:
    found = report_of(case).findings
    assert "".join(line_of(f) for f in found) == (case / "expected.txt").read_text()
    assert any(f.rule == case.parts[-3] for f in found)


@pytest.mark.parametrize("case", BAD, ids=name_of)
def test_findings_are_one_harmless_line_and_say_what_to_do(case: Path) -> None:
    for finding in report_of(case).findings:
        for words in (finding.message, finding.found, finding.expected, finding.remedy):
            assert words.isprintable(), words
        assert finding.remedy or finding.expected


@pytest.mark.parametrize("rule_id", RULES)
def test_every_rule_has_good_and_bad_cases(rule_id: str) -> None:
    assert [case for case in GOOD if case.parts[-3] == rule_id]
    assert [case for case in BAD if case.parts[-3] == rule_id]


def test_every_case_is_that_of_a_rule() -> None:
    assert {case.parts[-3] for case in [*GOOD, *BAD]} == set(RULES)


@pytest.mark.parametrize("rule_id", RULES)
def test_every_rule_is_documented(rule_id: str) -> None:
    rule = RULES[rule_id]
    text = inspect.getdoc(rule.check) or ""
    must, why, *rest = text.split("\n\n")
    assert must.endswith(".")
    assert "\n" not in must
    assert why
    assert any(part.startswith("Mend it:") for part in rest)
    assert rest[-1].startswith("Example:\n    ")
    assert rule.title[0].islower() or rule.title.startswith("registry.yaml")


def test_no_secret_is_shown() -> None:
    for case in sorted(CORPUS.glob("F111/bad/*")):
        for finding in report_of(case).findings:
            said = finding.message + finding.found + finding.expected + finding.remedy
            for secret in ("hunter2", "wJalrX", "0123456789abc", "ABCDEFGHIJKL", "eyJhbGci"):
                assert secret not in said
