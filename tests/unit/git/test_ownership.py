"""A repository of somebody else: Git would not open it, so nothing that it configures is obeyed; it can be read."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import git, give_away, new_repository, write_files

from registry_tool.errors import OfflineError, UntrustedRepositoryError
from registry_tool.git.command import Git, find_repository
from registry_tool.git.ownership import are_ours, read_start, reads_only
from registry_tool.git.repository import Repository

Opened = Callable[[Path], Git]

FILES = {"registry.yaml": "name: x\n", "models/a": "1\n", "big": "x" * 3000}
# Settings of a repository that name a program; {run} is it.
PROGRAMS = {
    "core.fsmonitor": "{run}", "core.sshCommand": "{run}", "core.gitProxy": "{run}", "core.pager": "{run}",
    "core.editor": "{run}", "core.askPass": "{run}", "diff.external": "{run}", "gpg.program": "{run}",
    "gpg.ssh.program": "{run}", "filter.evil.clean": "{run}", "filter.evil.smudge": "{run}",
    "filter.evil.process": "{run}", "diff.evil.textconv": "{run}", "diff.evil.command": "{run}",
    "core.alternateRefsCommand": "{run}", "credential.helper": "!{run}", "uploadpack.packObjectsHook": "{run}",
    "remote.origin.uploadpack": "{run}", "remote.origin.vcs": "ext", "remote.origin.promisor": "true",
    "remote.origin.url": "ssh://host/x", "extensions.partialClone": "origin", "core.repositoryFormatVersion": "1",
    "trailer.x.command": "{run}", "merge.evil.driver": "{run}", "interactive.diffFilter": "{run}",
    "core.untrackedCache": "true", "registry.published": "refs/heads/evil",
}  # fmt: skip


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """A file that is there when a program of the repository ran."""
    return tmp_path / "RAN"


@pytest.fixture
def foreign(tmp_path: Path, ran: Path) -> Path:
    """A checkout of another user, which names a program wherever one can be named."""
    folder = new_repository(tmp_path / "foreign", FILES)
    git(folder, "branch", "evil")
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch '{ran}'\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    hooks = folder / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("reference-transaction", "post-index-change", "pre-push", "post-checkout"):
        (hooks / name).write_bytes(program.read_bytes())
        (hooks / name).chmod(0o755)
    write_files(folder / ".git", {"info/attributes": "* filter=evil diff=evil merge=evil\n"})
    for key, value in PROGRAMS.items():
        git(folder, "config", key, value.format(run=program))
    write_files(folder, {"models/a": "2\n", "new": "n\n"})
    os.utime(folder / "big")  # the index does not know whether it changed
    give_away(folder)
    return folder


def git_opens(folder: Path, *settings: str) -> bool:
    """Whether Git itself opens a repository where it finds it."""
    command = ["git", *settings, "rev-parse", "--git-dir"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


def test_git_would_not_open_it(foreign: Path) -> None:
    assert not git_opens(foreign)


def test_it_is_read_and_nothing_of_it_runs(foreign: Path, ran: Path) -> None:
    repository = Repository.open(foreign)
    assert repository.caution.startswith("detected dubious ownership in repository at ")
    assert f"git config --global --add safe.directory {foreign}" in repository.caution
    head = repository.commit("HEAD")
    tree = repository.tree(head)
    assert tree.read("models/a") == b"1\n"
    assert list(tree.grep(["name: x"])) == ["registry.yaml"]
    assert repository.work().read("models/a") == b"2\n"
    assert set(repository.work().folder("")) == {"registry.yaml", "models", "big", "new"}
    assert set(repository.open_staged().folder("")) == {"registry.yaml", "models", "big"}
    assert repository.git.head() == head
    assert repository.git.branch() == "refs/heads/main"
    # What it configures means nothing.
    assert repository.git.config("core.sshcommand") is None
    assert repository.git.config("registry.published") is None
    repository.close()
    assert not ran.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["fetch", "origin"], ["push", "origin", "main"], ["update-ref", "refs/heads/x", "HEAD"],
        ["config", "a.b", "c"], ["ls-remote", "origin"], ["-c", "a.b=c", "gc"], ["commit-tree", "HEAD^{tree}"],
        ["repack"], ["reset", "--hard"], ["worktree", "prune"], ["config", "--unset", "a.b"],
    ],
)  # fmt: skip
def test_no_command_that_changes_or_fetches_anything_is_run(
    arguments: list[str], foreign: Path, ran: Path, opened: Opened
) -> None:
    with pytest.raises(UntrustedRepositoryError, match="dubious ownership") as caught:
        opened(foreign).run(*arguments)
    assert caught.value.remedy == f"git config --global --add safe.directory {foreign}"
    assert not ran.exists()


def test_what_a_partial_clone_left_out_is_an_error_and_not_a_missing_file(
    tmp_path: Path, ran: Path
) -> None:
    start = new_repository(tmp_path / "start", {"registry.yaml": "1\n", "models/a": "1\n"})
    git(start, "config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--bare", "--filter=blob:none", start.as_uri(), str(clone))
    git(clone, "config", "core.sshCommand", f"touch '{ran}'")
    git(clone, "config", "remote.origin.url", "ssh://host/x")
    give_away(clone)
    repository = Repository.open(clone)
    tree = repository.tree(repository.commit("HEAD"))
    assert set(tree.folder("models")) == {"a"}
    with pytest.raises(OfflineError, match="cannot be read in"):
        tree.read("models/a")
    repository.close()
    assert not ran.exists()


def test_safe_directory_is_asked_of_git(foreign: Path, home: Path) -> None:
    def trusts(value: str) -> bool:
        (home / ".gitconfig").write_text("", encoding="utf-8")
        git(home, "config", "--global", "safe.directory", "/nowhere")
        git(home, "config", "--global", "--add", "safe.directory", value)
        found = find_repository(foreign / "models")
        assert found is not None
        assert found.is_trusted == git_opens(foreign)
        return found.is_trusted

    assert trusts("*")
    assert trusts(str(foreign))
    assert not trusts(str(foreign.parent))
    assert not trusts("")
    trusts(f"{foreign.parent}/*")  # as the installed Git says
    # Its own word for itself counts for nothing.
    (home / ".gitconfig").write_text("", encoding="utf-8")
    subprocess.run(
        ["git", "config", "--file", str(foreign / ".git/config"), "safe.directory", "*"], check=True
    )
    found = find_repository(foreign)
    assert found is not None
    assert not found.is_trusted


def test_safe_directory_counts_from_the_command_line(
    foreign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "safe.directory")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "*")
    found = find_repository(foreign)
    assert found is not None
    assert found.is_trusted


@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root cannot have called sudo")
def test_root_owns_what_belongs_to_whoever_called_sudo(
    foreign: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_UID", str(foreign.stat().st_uid))
    assert git_opens(foreign)
    assert opened(foreign).is_trusted
    for other in ("1", "", "x", "-1"):
        monkeypatch.setenv("SUDO_UID", other)
        assert not opened(foreign).is_trusted


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("part", ["", ".git"])
def test_the_work_tree_and_its_folder_of_git_are_both_looked_at(
    part: str, tmp_path: Path, opened: Opened
) -> None:
    folder = new_repository(tmp_path / "mixed", FILES)
    assert opened(folder).is_trusted
    os.chown(folder / part, 65534, 65534)
    assert not git_opens(folder)
    assert not opened(folder).is_trusted


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_file_that_leads_to_a_linked_work_tree_is_looked_at(
    tmp_path: Path, opened: Opened
) -> None:
    folder = new_repository(tmp_path / "main", FILES)
    git(folder, "worktree", "add", "--quiet", str(tmp_path / "linked"))
    assert opened(tmp_path / "linked").is_trusted
    os.chown(tmp_path / "linked" / ".git", 65534, 65534)
    assert not git_opens(tmp_path / "linked")
    assert not opened(tmp_path / "linked").is_trusted
    repository = Repository.open(tmp_path / "linked")
    assert repository.tree(repository.commit("HEAD")).read("models/a") == b"1\n"
    repository.close()


def test_a_parent_that_is_found_by_walking_up_is_looked_at(foreign: Path) -> None:
    inside = foreign / "models" / "mine"
    inside.mkdir()  # ours
    found = find_repository(inside)
    assert found is not None
    assert found.place == foreign
    assert not found.is_trusted


def test_a_bare_repository_that_nobody_named_is_asked_about(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = new_repository(tmp_path / "start", FILES)
    bare = start / "inside.git"
    git(start, "clone", "--quiet", "--bare", ".", str(bare))
    git(home, "config", "--global", "safe.bareRepository", "explicit")
    monkeypatch.chdir(bare)
    for place in (bare, bare / "refs", Path()):
        found = find_repository(place)
        assert found is not None
        assert not found.is_trusted
    assert found is not None
    assert "safe.bareRepository" in found.distrust
    assert found.remedy == f"pass its path from another folder: --repo {bare}"
    monkeypatch.chdir(tmp_path)
    named = find_repository(bare)
    assert named is not None
    assert named.is_trusted


def test_ceilings_end_the_way_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = new_repository(tmp_path / "r", {"a/b/c": "1\n"})
    assert find_repository(folder / "a/b") is not None
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder))
    assert find_repository(folder / "a/b") is None
    assert find_repository(folder) is not None  # where one begins is no way up


def test_the_view_goes_with_the_repository(foreign: Path, opened: Opened) -> None:
    repository = opened(foreign)
    repository.run("rev-parse", "HEAD")
    view = repository._view
    assert (view / "HEAD").exists()
    assert view.stat().st_mode & 0o077 == 0
    del repository
    assert not view.exists()
    assert (foreign / ".git" / "refs" / "heads" / "main").exists()


def test_what_is_missing_belongs_to_no_one(tmp_path: Path) -> None:
    assert are_ours([tmp_path, tmp_path / "missing"])
    assert reads_only(["-c", "a.b=c", "log", "-1"])
    assert not reads_only(["-c", "a.b=c", "fetch"])
    assert not reads_only([])


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "endless"])
def test_files_of_git_that_would_never_end_are_none(
    kind: str, tmp_path: Path, opened: Opened
) -> None:
    folder = new_repository(tmp_path / "odd", FILES)
    place = folder / ".git" / "HEAD"
    place.unlink()
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "device":
        place.symlink_to("/dev/zero")
    elif kind == "folder":
        place.mkdir()
    else:
        with place.open("wb") as stream:
            stream.truncate(1 << 40)
    assert read_start(place).strip(b"\0") == b""
