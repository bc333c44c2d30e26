"""A look at a ref: whatever form it is stored in, and without a process while nothing changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import git
from support.commit_histories import History

from registry_tool.git.command import Git, find_repository
from registry_tool.git.ref_watch import FolderWatch, RefWatch

MAIN = "refs/heads/main"


def watched(folder: Path, ref: str = MAIN) -> RefWatch:
    found = find_repository(folder)
    assert found is not None
    return RefWatch(found, ref)


def has_reftable(tmp_path: Path) -> bool:
    (tmp_path / "probe").mkdir()
    try:
        git(tmp_path / "probe", "init", "--quiet", "--ref-format=reftable")
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("form", ["files", "packed", "reftable"])
def test_a_ref_is_followed(tmp_path: Path, form: str) -> None:
    options = ["--ref-format=reftable"] if form == "reftable" else ["--quiet"]
    if form == "reftable" and not has_reftable(tmp_path):
        pytest.skip("this git has no reftable")
    history = History(tmp_path / "r", *options)
    watch = watched(history.folder)
    assert watch.tip() is None
    for number in range(3):
        tip = history.commit({"a": str(number)})
        if form == "packed":
            git(history.folder, "pack-refs", "--all", "--prune")
        assert watch.tip() == tip == watch.tip()
    git(history.folder, "switch", "--quiet", "--detach")
    git(history.folder, "update-ref", "-d", MAIN)
    assert watch.tip() is None


def test_a_tag_of_the_whole_name_is_not_the_branch(tmp_path: Path) -> None:
    history = History(tmp_path / "r")
    first = history.commit({"a": "1"})
    git(history.folder, "tag", MAIN, first)
    second = history.commit({"a": "2"})
    assert watched(history.folder).tip() == second


@pytest.mark.parametrize("form", ["files", "packed", "reftable"])
def test_the_refs_of_a_folder_are_followed(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--ref-format=reftable"] if form == "reftable" else ["--quiet"]
    if form == "reftable" and not has_reftable(tmp_path):
        pytest.skip("this git has no reftable")
    history = History(tmp_path / "r", *options)
    tip = history.commit({"a": "1"})
    found = find_repository(history.folder)
    assert found is not None
    watch = FolderWatch(found, "refs/heads/serve/")
    assert watch.tips() == {}

    def change(*arguments: str) -> None:
        git(history.folder, *arguments)
        if form == "packed":
            git(history.folder, "pack-refs", "--all", "--prune")

    change("branch", "serve/ada@example.org")
    assert watch.tips() == {"ada@example.org": tip}
    change("branch", "serve/bob,2")
    change("branch", "serve/deep/er")
    change("branch", "other")
    assert watch.tips() == {"ada@example.org": tip, "bob,2": tip}
    new = history.commit({"a": "2"})
    change("branch", "--force", "serve/bob,2", new)
    assert watch.tips() == {"ada@example.org": tip, "bob,2": new}
    known = watch.tips()
    with monkeypatch.context() as patch:
        patch.delattr(Git, "run")  # no process where nothing changed
        assert watch.tips() is known
    change("branch", "-D", "serve/ada@example.org")
    assert watch.tips() == {"bob,2": new}
