"""What is said of the commits that a change is made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, commit, git, write_files
from support.manifests import (
    alias_yaml,
    registry_yaml,
    small_registry,
    tag_yaml,
    version_files,
    waiver_yaml,
)

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.commits import judge_files, judge_steps, with_commits
from registry_tool.checks.engine import check
from registry_tool.checks.findings import Report
from registry_tool.git.history import FirstParentHistory, UnpublishedHistory, list_steps
from registry_tool.git.repository import Repository

MODEL = "models/nlp/lang-id"
CANARY = f"{MODEL}/aliases/canary.yaml"
KEY = "-----BEGIN " + "PRIVATE KEY-----\nMIIE\n"
TO_NOWHERE = {CANARY: alias_yaml("7")}
CLI = Callable[..., Ran]


class History:
    """A registry with a base commit, and the commits after it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.base = git(folder, "rev-parse", "HEAD")

    def add(self, files: dict[str, str]) -> str:
        write_files(self.folder, files)
        return commit(self.folder)

    def remove(self, *paths: str) -> str:
        for path in paths:
            (self.folder / path).unlink()
        return commit(self.folder)

    def merged(self) -> str:
        """As a host merges a branch: a commit with the base as its first parent."""
        tree = git(self.folder, "rev-parse", "HEAD^{tree}")
        return git(self.folder, "commit-tree", tree, "-p", self.base, "-p", "HEAD", "-m", "Merged")

    def report(self, tip: str) -> Report:
        repository = Repository.open(self.folder)
        try:
            base, head = repository.tree(self.base), repository.tree(tip)
            found = check(head, base=base, line=FirstParentHistory(repository.git, self.base))
            return with_commits(found, repository, self.base, tip)
        finally:
            repository.close()


@pytest.fixture
def history(make_registry: Callable[..., Path]) -> History:
    files = {**small_registry(), "registry.yaml": registry_yaml(automerge=["alias", "tag"])}
    return History(make_registry(files))


def test_a_change_of_one_commit_has_no_notes(history: History) -> None:
    tip = history.add({CANARY: alias_yaml("1")})
    for end in (tip, history.merged()):
        report = history.report(end)
        assert (report.verdict, report.notes, report.automerge) == ("pass", (), True)


def test_a_commit_that_a_later_one_repairs_asks_for_one_step(history: History) -> None:
    wrong = history.add(TO_NOWHERE)
    tip = history.add({CANARY: alias_yaml("1")})
    for end in (tip, history.merged()):
        report = history.report(end)
        assert report.verdict == "pass"
        (note,) = report.notes
        assert f"1 of 2 commits would be refused on their own (first {wrong[:12]}" in note
        assert f"{CANARY}:3 M203" in note
        assert "merge this with a squash or a merge commit, not by rebase" in note
        assert report.automerge  # which makes one step


@pytest.mark.parametrize(
    ("path", "text", "rule"),
    [("notes.txt", KEY, "F111"), ("notes.txt", "x" * (1 << 21), "F112")],
)
def test_a_file_that_is_deleted_later_asks_for_a_squash(
    history: History, path: str, text: str, rule: str
) -> None:
    history.add({CANARY: alias_yaml("1")})
    wrong = history.add({path: text})
    history.remove(path)
    for tip in (git(history.folder, "rev-parse", "HEAD"), history.merged()):
        report = history.report(tip)
        assert report.verdict == "pass"
        assert not report.automerge
        (note,) = report.notes
        assert f"{path}:1 {rule}" in note
        assert f"(in commit {wrong[:12]})" in note
        assert "squash the branch" in note
        assert ("revoke it" in note) == (rule == "F111")
        assert "MIIE" not in note


def test_merges_of_main_into_a_branch_are_not_held_against_it(history: History) -> None:
    git(history.folder, "switch", "-q", "-c", "side")
    history.add({CANARY: alias_yaml("1")})
    git(history.folder, "switch", "-q", "main")
    other = history.add({f"{MODEL}/aliases/production.yaml": alias_yaml("2")})
    git(history.folder, "switch", "-q", "side")
    git(history.folder, "merge", "-q", "--no-edit", "main")
    history.base = other
    tip = history.add({f"{MODEL}/tags/edge.yaml": tag_yaml("2")})
    assert history.report(tip).notes == ()


def test_the_real_command_says_it_in_every_form(history: History, cli: CLI) -> None:
    history.add(TO_NOWHERE)
    history.add({CANARY: alias_yaml("1")})
    for form in ("text", "json", "markdown"):
        ran = cli(
            "check", "--base", history.base, "--head", "HEAD", "--format", form, cwd=history.folder
        )
        assert ran.code == 0
        assert "squash or a merge commit" in ran.out
    ran = cli("check", "--base", history.base, cwd=history.folder)
    assert "squash or a merge commit" in ran.out


def _steps(history: History, since: str) -> list[tuple[str, str]]:
    repository = Repository.open(history.folder)
    try:
        tip = git(history.folder, "rev-parse", "HEAD")
        steps = list_steps(repository.git, tip, since)
        judged = list(judge_steps(repository, steps, since))
    finally:
        repository.close()
    return [(one.step.commit, "" if one.report is None else one.report.verdict) for one in judged]


def test_steps_are_judged_in_order_and_each_by_the_one_before(history: History) -> None:
    one = history.add(TO_NOWHERE)
    two = history.add({"README.md": "Models.\n"})  # of what was wrong before, nothing is said again
    files = version_files("3")
    three = history.add({CANARY: alias_yaml("1"), **files})
    four = history.remove(*files)
    five = history.add({f"{MODEL}/tags/3.yaml": tag_yaml("2")})
    found = _steps(history, history.base)
    assert [commit for commit, _ in found] == [one, two, three, four, five]
    assert [verdict for _, verdict in found] == ["refuse", "pass", found[2][1], "refuse", "refuse"]


def test_a_history_that_begins_before_the_registry(make_registry: Callable[..., Path]) -> None:
    history = History(make_registry({"README.md": "Soon.\n"}))
    history.add({**small_registry(), "waivers/2026-01-01-m208-x.yaml": waiver_yaml("M208")})
    history.add({CANARY: alias_yaml("1")})
    assert [verdict for _, verdict in _steps(history, "")] == ["", "pass", "pass"]
    (history.folder / "registry.yaml").rename(history.folder / "away.yaml")
    commit(history.folder)
    assert _steps(history, "")[-1][1] == "refuse"


def test_the_line_of_steps_knows_what_vanished_without_writing_it_down(history: History) -> None:
    files = version_files("3")
    history.add(files)
    gone = history.remove(*files)
    repository = Repository.open(history.folder)
    try:
        expected = FirstParentHistory(repository.git, gone).removed_names(f"{MODEL}/versions")
        (history.folder / ".git/registry-tool/vanished.json").unlink()
        line = UnpublishedHistory(repository.git, history.base)
        for step in list_steps(repository.git, gone, history.base):
            line.add(step)
        assert line.removed_names(f"{MODEL}/versions") == expected
        assert expected == {f"{MODEL}/versions/3/version.yaml"}
    finally:
        repository.close()
    assert gone not in (history.folder / ".git/registry-tool/vanished.json").read_text()


def test_waivers_and_severities_are_those_of_what_is_published(
    make_registry: Callable[..., Path],
) -> None:
    waiver = waiver_yaml("F111", "notes.txt", expires="2099-01-01")
    settings = registry_yaml(rules={"F112": "warn"})
    history = History(
        make_registry(
            {
                **small_registry(),
                "registry.yaml": settings,
                "waivers/2026-01-01-f111-notes.yaml": waiver,
            }
        )
    )
    history.add({"notes.txt": KEY, "more.txt": KEY, "large.txt": "x" * (1 << 21)})
    repository = Repository.open(history.folder)
    try:
        tip = git(history.folder, "rev-parse", "HEAD")
        policy = Catalog(repository.tree(history.base))
        found = judge_files(repository, [tip, f"^{history.base}"], policy=policy)
    finally:
        repository.close()
    said = {(f.path, f.rule, f.severity) for f in found}
    assert said == {
        ("large.txt", "F112", "warn"),
        ("more.txt", "F111", "refuse"),
        ("notes.txt", "F111", "warn"),
    }


def test_the_merges_of_a_queue_are_steps(history: History) -> None:
    """Two requests merged one after the other, the first of which only the second repairs."""
    tips = []
    for number in ("7", "1"):
        before = git(history.folder, "rev-parse", "HEAD")
        git(history.folder, "switch", "-q", "-c", f"request-{number}")
        history.add({CANARY: alias_yaml(number)})
        git(history.folder, "switch", "-q", "main")
        git(history.folder, "merge", "-q", "--no-ff", "--no-edit", f"request-{number}")
        tips.append(git(history.folder, "rev-parse", "HEAD"))
        assert before != tips[-1]
    (note,) = history.report(tips[-1]).notes
    assert f"1 of 2 commits would be refused on their own (first {tips[0][:12]}" in note
