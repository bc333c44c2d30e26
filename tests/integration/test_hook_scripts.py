"""The installed scripts under real Git: what they stop, what they let pass, and from where they run."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from support import git, run_program, write_files
from support.manifests import (
    alias_yaml,
    model_files,
    small_registry,
    stored_artifact,
    tag_yaml,
    version_files,
)

MODEL = "models/nlp/lang-id"
# One name as tag and as alias: each file is right, the registry is not.
SECOND_CLAIM = {f"{MODEL}/aliases/first.yaml": alias_yaml("2")}
TO_NOWHERE = {f"{MODEL}/aliases/staging.yaml": alias_yaml("7")}
GOOD = {f"{MODEL}/aliases/staging.yaml": alias_yaml("2")}


def run(
    folder: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A git command that may fail; its output and errors together."""
    return subprocess.run(
        ["git", *arguments], cwd=folder, env={**os.environ, **(env or {})}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip


@pytest.fixture
def registry(make_registry: Callable[..., Path]) -> Path:
    folder = make_registry(small_registry())
    assert run_program("hooks", "install", cwd=folder).code == 0
    return folder


@pytest.fixture
def hosted(registry: Path, tmp_path: Path) -> Path:
    """The registry, pushed to ``origin``."""
    git(tmp_path, "init", "-q", "--bare", "--initial-branch=main", "host.git")
    git(registry, "remote", "add", "origin", str(tmp_path / "host.git"))
    git(registry, "push", "-q", "-u", "origin", "main")
    git(registry, "remote", "set-head", "origin", "main")
    return registry


def stage(folder: Path, files: Mapping[str, str]) -> None:
    write_files(folder, files)
    git(folder, "add", "--", *files)


def test_a_good_commit_passes(registry: Path) -> None:
    stage(registry, {**GOOD, **version_files("3", artifacts=[stored_artifact(b"third")])})
    done = run(registry, "commit", "-m", "Good")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("files", [SECOND_CLAIM, TO_NOWHERE])
def test_a_bad_commit_is_stopped(registry: Path, files: Mapping[str, str]) -> None:
    head = git(registry, "rev-parse", "HEAD")
    stage(registry, files)
    done = run(registry, "commit", "-m", "Bad")
    assert done.returncode == 1
    assert next(iter(files)) in done.stdout or f"{MODEL}/tags/first.yaml" in done.stdout
    assert git(registry, "rev-parse", "HEAD") == head


def test_the_index_decides_when_the_work_tree_is_better(registry: Path) -> None:
    stage(registry, TO_NOWHERE)
    write_files(registry, GOOD)
    assert run(registry, "commit", "-m", "Bad").returncode == 1


def test_the_index_decides_when_the_work_tree_is_worse(registry: Path) -> None:
    stage(registry, GOOD)
    write_files(registry, {**TO_NOWHERE, **SECOND_CLAIM})
    done = run(registry, "commit", "-m", "Good")
    assert done.returncode == 0, done.stdout


def test_a_partial_commit_is_judged_by_what_it_takes(registry: Path) -> None:
    stage(registry, SECOND_CLAIM)
    write_files(registry, GOOD)
    git(registry, "add", "--intent-to-add", *GOOD)
    good = run(registry, "commit", "-m", "Good", "--", *GOOD)
    assert good.returncode == 0, good.stdout
    bad = run(registry, "commit", "-m", "Bad", "--", *SECOND_CLAIM)
    assert bad.returncode == 1
    assert git(registry, "log", "-1", "--format=%s") == "Good"


def test_all_of_the_work_tree_is_judged_by_commit_all(registry: Path) -> None:
    write_files(registry, {f"{MODEL}/aliases/production.yaml": alias_yaml("7")})
    assert run(registry, "commit", "--all", "-m", "Bad").returncode == 1


def test_an_index_of_ones_own_is_honoured(registry: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    index.write_bytes((registry / ".git/index").read_bytes())
    write_files(registry, TO_NOWHERE)
    mine = {"GIT_INDEX_FILE": str(index)}
    assert run(registry, "add", *TO_NOWHERE, env=mine).returncode == 0
    assert run(registry, "commit", "-m", "Bad", env=mine).returncode == 1
    assert run(registry, "commit", "--allow-empty", "-m", "Empty").returncode == 0


def test_commits_from_a_subfolder_and_by_amending(registry: Path) -> None:
    stage(registry, GOOD)
    below = registry / MODEL / "versions"
    assert run(below, "commit", "-m", "Good").returncode == 0
    stage(registry, SECOND_CLAIM)
    assert run(below, "commit", "--amend", "--no-edit").returncode == 1
    git(registry, "reset", "-q", "--hard")
    assert run(below, "commit", "--amend", "-m", "Better").returncode == 0


def test_a_linked_work_tree_is_checked_too(registry: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git(registry, "worktree", "add", "-q", str(linked))
    stage(linked, TO_NOWHERE)
    assert run(linked, "commit", "-m", "Bad").returncode == 1
    stage(linked, GOOD)
    assert run(linked, "commit", "-m", "Good").returncode == 0


def test_a_merge_of_two_good_branches_can_be_bad(registry: Path) -> None:
    git(registry, "switch", "-q", "-c", "one")
    stage(registry, {f"{MODEL}/tags/edge.yaml": tag_yaml("1")})
    assert run(registry, "commit", "-m", "Tag").returncode == 0
    git(registry, "switch", "-q", "-c", "two", "main")
    stage(registry, {f"{MODEL}/aliases/edge.yaml": alias_yaml("2")})
    assert run(registry, "commit", "-m", "Alias").returncode == 0
    merged = run(registry, "merge", "--no-edit", "one")
    assert merged.returncode != 0
    assert "edge" in merged.stdout
    git(registry, "merge", "--abort")
    git(registry, "switch", "-q", "-c", "three", "main")
    stage(registry, model_files("nlp/other"))
    assert run(registry, "commit", "-m", "Model").returncode == 0
    assert run(registry, "merge", "--no-edit", "one").returncode == 0


def test_the_very_first_commit_is_checked(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "new")
    write_files(tmp_path / "new", {**small_registry(), **SECOND_CLAIM})
    assert run_program("hooks", "install", cwd=tmp_path / "new").code == 0
    git(tmp_path / "new", "add", "--all")
    assert run(tmp_path / "new", "commit", "-m", "Start").returncode == 1


def test_no_code_of_the_registry_is_run(registry: Path) -> None:
    write_files(
        registry,
        {f"{name}.py": "raise SystemExit('run')\n" for name in ("click", "registry_tool", "json")},
    )
    stage(registry, GOOD)
    done = run(registry, "commit", "-m", "Good")
    assert done.returncode == 0, done.stdout


def test_settings_for_other_work_do_not_lead_away(registry: Path, tmp_path: Path) -> None:
    stage(registry, TO_NOWHERE)
    elsewhere = {"REGISTRY_REPO": str(tmp_path / "nowhere")}
    done = run(registry, "commit", "-m", "Bad", env=elsewhere)
    assert done.returncode == 1
    assert "staging" in done.stdout


def test_without_the_program_the_hook_says_what_is_missing(registry: Path, tmp_path: Path) -> None:
    git_only = tmp_path / "bin"
    git_only.mkdir()
    for name in ("git", "sh"):
        found = next(
            Path(p) / name
            for p in os.environ["PATH"].split(os.pathsep)
            if (Path(p) / name).exists()
        )
        (git_only / name).symlink_to(found)
    for hook in ("pre-commit", "pre-push"):
        script = registry / ".git/hooks" / hook
        lines = script.read_text().splitlines(keepends=True)
        script.write_text("".join("python=''\n" if x.startswith("python=") else x for x in lines))
    stage(registry, GOOD)
    done = run(registry, "commit", "-m", "Good", env={"PATH": str(git_only)})
    assert done.returncode == 1
    assert "`registry` is not on PATH" in done.stdout
    assert "registry hooks install" in done.stdout
    program = git_only / "registry"
    program.write_text(f"#!/bin/sh\necho \"$@\" > '{tmp_path}/called'\nexit 3\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    assert run(registry, "commit", "-m", "Good", env={"PATH": str(git_only)}).returncode == 0
    assert (tmp_path / "called").read_text() == "check --repo . --staged\n"


def test_pushing_good_branches_passes(hosted: Path) -> None:
    stage(hosted, GOOD)
    git(hosted, "commit", "-q", "-m", "Good")
    assert run(hosted, "push").returncode == 0
    git(hosted, "switch", "-q", "-c", "more")
    stage(hosted, version_files("3", artifacts=[stored_artifact(b"third")]))
    git(hosted, "commit", "-q", "-m", "Version")
    done = run(hosted, "push", "origin", "more")
    assert done.returncode == 0, done.stdout
    deleted = run(hosted, "push", "origin", "--delete", "more")
    assert deleted.returncode == 0, deleted.stdout


def test_pushing_what_slipped_in_is_stopped(hosted: Path, tmp_path: Path) -> None:
    before = git(tmp_path / "host.git", "rev-parse", "main")
    stage(hosted, TO_NOWHERE)
    git(hosted, "commit", "-q", "--no-verify", "-m", "Bad")
    for target in ("main", "HEAD:refs/heads/new"):
        done = run(hosted, "push", "origin", target)
        assert done.returncode != 0
        assert "staging" in done.stdout
    git(hosted, "tag", "mark")
    assert run(hosted, "push", "origin", "mark").returncode == 0
    assert git(tmp_path / "host.git", "for-each-ref", "--format=%(refname)", "refs/heads") == (
        "refs/heads/main"
    )
    assert git(tmp_path / "host.git", "rev-parse", "main") == before


def test_one_bad_branch_of_several_stops_the_push(hosted: Path) -> None:
    git(hosted, "switch", "-q", "-c", "bad")
    stage(hosted, TO_NOWHERE)
    git(hosted, "commit", "-q", "--no-verify", "-m", "Bad")
    git(hosted, "switch", "-q", "-c", "good", "main")
    stage(hosted, GOOD)
    git(hosted, "commit", "-q", "-m", "Good")
    assert run(hosted, "push", "origin", "bad", "good").returncode != 0
    assert run(hosted, "push", "origin", "good").returncode == 0


def test_the_first_push_to_an_empty_host_checks_everything(registry: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "host.git")
    stage(registry, TO_NOWHERE)
    git(registry, "commit", "-q", "--no-verify", "-m", "Bad")
    refused = run(registry, "push", str(tmp_path / "host.git"), "main")
    assert refused.returncode != 0
    assert "staging" in refused.stdout
    git(registry, "reset", "-q", "--hard", "HEAD^")
    assert run(registry, "push", str(tmp_path / "host.git"), "main").returncode == 0


def test_a_push_over_what_was_not_fetched_is_judged_all_the_same(
    hosted: Path, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "-q", "host.git", "other")
    stage(tmp_path / "other", GOOD)
    git(tmp_path / "other", "commit", "-q", "-m", "Theirs")
    git(tmp_path / "other", "push", "-q")
    stage(hosted, TO_NOWHERE)
    git(hosted, "commit", "-q", "--no-verify", "-m", "Bad")
    done = run(hosted, "push", "--force", "origin", "main")
    assert done.returncode != 0
    assert "aliases/staging.yaml" in done.stdout


def test_a_branch_of_another_kind_is_committed_and_pushed(hosted: Path, tmp_path: Path) -> None:
    git(hosted, "switch", "-q", "--orphan", "gh-pages")
    stage(hosted, {"index.html": "hello\n"})
    made = run(hosted, "commit", "-m", "Pages")
    assert made.returncode == 0, made.stdout
    assert "note: not checked: this branch has no registry.yaml" in made.stdout
    done = run(hosted, "push", "origin", "gh-pages")
    assert done.returncode == 0, done.stdout
    assert "registry: gh-pages: not checked, it has no registry.yaml" in done.stdout
    assert run(hosted, "push", "--force", "origin", "gh-pages:main").returncode != 0
    git(hosted, "switch", "-q", "main")
    git(hosted, "rm", "-q", "registry.yaml")
    assert run(hosted, "commit", "-m", "No registry").returncode == 1


def test_without_the_program_nothing_is_pushed(hosted: Path, tmp_path: Path) -> None:
    script = hosted / ".git/hooks/pre-push"
    lines = script.read_text().splitlines(keepends=True)
    gone = ["python=''\n" if x.startswith("python=") else x for x in lines]
    script.write_text("".join(gone).replace("command -v registry", "command -v registry-gone"))
    git(hosted, "branch", "more")
    done = run(hosted, "push", "origin", "more")
    assert done.returncode != 0
    assert "cannot check this push" in done.stdout
    assert run(hosted, "push", "--no-verify", "origin", "more").returncode == 0


def test_a_clones_hook_and_the_servers_say_the_same(hosted: Path, tmp_path: Path) -> None:
    bare = tmp_path / "host.git"
    assert run_program("hooks", "install", "--server", str(bare), cwd=tmp_path).code == 0
    stage(hosted, {**TO_NOWHERE, **SECOND_CLAIM})
    git(hosted, "commit", "-q", "--no-verify", "-m", "Bad")
    here = run(hosted, "push").stdout.splitlines()
    there = run(hosted, "push", "--no-verify").stdout.splitlines()
    mine = [line for line in here if line.startswith("registry: ")][:-1]
    theirs = [line.removeprefix("remote: ").rstrip() for line in there if "registry: " in line]
    assert mine == theirs[:-1]
    assert len(mine) > 4


def test_a_repository_apart_from_its_work_tree_is_committed_and_pushed(
    registry: Path, tmp_path: Path
) -> None:
    """As with `git --git-dir=DIR --work-tree=DIR`, also where the work tree lies in another repository."""
    apart = tmp_path / "apart.git"
    git(tmp_path, "init", "-q", "--bare", "--initial-branch=main", "host.git")
    git(registry, "remote", "add", "origin", str(tmp_path / "host.git"))
    git(registry, "push", "-q", "origin", "main")
    (registry / ".git").rename(apart)
    git(tmp_path, "--git-dir", str(apart), "config", "core.bare", "false")
    for number, around in enumerate((False, True)):
        if around:
            git(tmp_path, "init", "-q")
        places = (f"--git-dir={apart}", f"--work-tree={registry}")
        write_files(registry, {f"{MODEL}/aliases/a{number}.yaml": alias_yaml("2")})
        run(registry, *places, "add", "--all")
        done = run(registry, *places, "commit", "-m", "Good")
        assert done.returncode == 0, done.stdout
        done = run(registry, *places, "push", "origin", "main")
        assert done.returncode == 0, done.stdout
        assert "main: 1 file checked, no problems found" in done.stdout
        write_files(registry, {f"{MODEL}/aliases/b{number}.yaml": alias_yaml("7")})
        run(registry, *places, "add", "--all")
        done = run(registry, *places, "commit", "-m", "Bad")
        assert done.returncode != 0
        assert "M203" in done.stdout
        run(registry, *places, "reset", "-q", "--hard")


def test_a_hook_of_another_repository_does_not_lead_away(registry: Path, tmp_path: Path) -> None:
    """GIT_DIR as Git sets it around the hook of some repository, in which a registry is checked."""
    git(tmp_path, "init", "-q", "other")
    stage(registry, TO_NOWHERE)
    env = {"GIT_DIR": str(tmp_path / "other/.git")}
    done = run_program("check", "--repo", ".", "--staged", cwd=registry, env=env)
    assert done.code == 1
    assert "M203" in done.out


def test_a_shared_folder_of_hooks_leaves_other_repositories_alone(
    registry: Path, tmp_path: Path, make_registry: Callable[..., Path]
) -> None:
    shared, server_hooks = tmp_path / "shared", tmp_path / "server-hooks"
    git(registry, "config", "core.hooksPath", str(shared))
    assert run_program("hooks", "install", "--force", cwd=registry).code == 0
    hosts = {}
    for name in ("models.git", "other.git"):
        git(tmp_path, "init", "-q", "--bare", "--initial-branch=main", name)
        git(tmp_path / name, "config", "core.hooksPath", str(server_hooks))
        hosts[name] = tmp_path / name
    server = ("hooks", "install", "--force", "--server", str(hosts["models.git"]))
    assert run_program(*server, cwd=tmp_path).code == 0
    other = make_registry({"README.md": "No models.\n"}, name="other")
    git(other, "config", "core.hooksPath", str(shared))
    write_files(other, {"more.txt": "text\n"})
    git(other, "add", "--all")
    done = run(other, "commit", "-m", "More")
    assert done.returncode == 0, done.stdout
    done = run(other, "push", str(hosts["other.git"]), "main")
    assert done.returncode == 0, done.stdout
    assert "registry" not in done.stdout
    # In the registry they judge: the clone's first, then the server's, which is empty as yet.
    write_files(registry, TO_NOWHERE)
    git(registry, "add", "--all")
    git(registry, "commit", "-q", "--no-verify", "-m", "Bad")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = run(registry, "push", str(hosts["models.git"]), "main", env={"PATH": path})
    assert "stopped, nothing was pushed" in done.stdout
    done = run(registry, "push", "--no-verify", str(hosts["models.git"]), "main")
    assert "refused, nothing was changed" in done.stdout
    assert done.returncode != 0
