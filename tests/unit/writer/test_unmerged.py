"""What is left of a branch, by the content of files."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import commit, git, write_files
from support.manifests import alias_yaml
from support.written_trains import checkout, opened

from registry_tool.writer import unmerged
from registry_tool.writer.unmerged import Unmerged, find_unmerged

ALIAS = "models/nlp/lang-id/aliases/best.yaml"
RECORD = "models/nlp/lang-id/versions/{}/version.yaml"
DRAFT = "models/nlp/lang-id/drafts/{}/version.yaml"


class Repository:
    """A checkout whose main branch and whose branch ``serve/x`` get files in turn."""

    def __init__(self, folder: Path) -> None:
        self.folder = checkout(folder / "r")
        git(self.folder, "branch", "serve/x")

    def put(self, branch: str, *paths: str, version: str = "1") -> None:
        """Commit some files to a branch."""
        git(self.folder, "switch", "--quiet", branch)
        write_files(self.folder, dict.fromkeys(paths, alias_yaml(version)))
        commit(self.folder, f"To {branch}")

    def left(self, branch: str = "serve/x") -> Unmerged:
        """What is left of a branch."""
        repository = opened(self.folder)
        tips = git(self.folder, "rev-parse", "main", branch).split()
        found = find_unmerged(repository, *tips)
        repository.close()
        return found


@pytest.fixture
def place(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_nothing_is_left_of_a_branch_without_commits(place: Repository) -> None:
    assert place.left().is_merged
    place.put("main", "README.md")
    assert place.left().is_merged


def test_a_file_is_left_until_main_has_it(place: Repository) -> None:
    place.put("serve/x", ALIAS, "notes.md")
    found = place.left()
    assert found.paths == {ALIAS, "notes.md"}
    assert not found.is_stuck
    place.put("main", ALIAS)
    found = place.left()
    assert found.paths == {"notes.md"}
    assert not found.is_stuck
    place.put("main", "notes.md")
    assert place.left().is_merged


def test_a_file_that_main_had_and_changed_later_is_merged(place: Repository) -> None:
    place.put("serve/x", ALIAS)
    place.put("main", ALIAS)
    place.put("main", ALIAS, version="2")
    assert place.left().is_merged


def test_another_content_on_main_conflicts(place: Repository) -> None:
    place.put("serve/x", ALIAS)
    place.put("main", ALIAS, version="2")
    found = place.left()
    assert found.paths == found.conflicts == {ALIAS}
    assert found.is_stuck
    assert found.trouble == ""


def test_many_files_are_compared_without_naming_each(
    place: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unmerged, "_MOST_NAMED", 1)
    place.put("serve/x", ALIAS, "notes.md")
    place.put("main", ALIAS, "notes.md", version="2")
    place.put("main", ALIAS)
    assert place.left().conflicts == {"notes.md"}


@pytest.mark.parametrize(("here", "there"), [(DRAFT, RECORD), (RECORD, DRAFT)])
def test_a_draft_and_a_version_of_one_name_conflict(
    place: Repository, here: str, there: str
) -> None:
    place.put("serve/x", here.format("3"))
    place.put("main", there.format("4"))
    assert place.left().conflicts == set()
    place.put("main", there.format("3"))
    assert place.left().conflicts == {here.format("3")}


def test_a_branch_that_removes_a_file_is_merged_when_it_is_gone(place: Repository) -> None:
    path = RECORD.format("2")
    for branch in ("serve/x", "main"):
        git(place.folder, "switch", "--quiet", branch)
        git(place.folder, "rm", "--quiet", path)
        commit(place.folder, "Remove")
        assert place.left().is_merged is (branch == "main")


def test_what_cannot_be_compared_is_said(
    place: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.put("serve/x", ALIAS, "notes.md")
    monkeypatch.setattr(unmerged, "_MOST", 1)
    assert "changes more than" in place.left().trouble
    git(place.folder, "checkout", "--quiet", "--orphan", "serve/y")
    commit(place.folder, "Alone")
    found = place.left("serve/y")
    assert "shares no history" in found.trouble
    assert (found.is_stuck, found.is_merged) == (True, False)
