"""The hooks under the real frameworks, pre-commit and prek, in the configuration a new registry has."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from support import git, run_program, without, write_files
from support.manifests import alias_yaml, small_registry

from registry_tool.paths import resource_text

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent
FRAMEWORKS = ("pre-commit", "prek")
MODEL = "models/nlp/lang-id"
SECOND_CLAIM = {f"{MODEL}/aliases/first.yaml": alias_yaml("2")}
TO_NOWHERE = {f"{MODEL}/aliases/staging.yaml": alias_yaml("7")}
GOOD = {f"{MODEL}/aliases/staging.yaml": alias_yaml("2")}


@pytest.fixture(params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> str:
    return str(PROGRAMS / str(request.param))


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a program where `registry` is on PATH and the frameworks keep their files in the test's folder."""
    environment = {
        **os.environ,
        "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        "PRE_COMMIT_HOME": str(tmp_path / "pre-commit"),
        "PREK_HOME": str(tmp_path / "prek"),
        "PYTHONWARNINGS": "ignore",
        "PIP_NO_COMPILE": "1",  # most of what is installed is never imported
    }

    def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=cwd, env=environment, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    return run


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def registry(make_registry: Callable[..., Path], framework: str, run: Run) -> Path:
    config = resource_text("templates/registry/dot-pre-commit-config.yaml")
    folder = make_registry({**small_registry(), ".pre-commit-config.yaml": config})
    installed = run(framework, "install", cwd=folder)
    assert installed.returncode == 0, installed.stdout
    return folder


def stage(folder: Path, files: Mapping[str, str]) -> None:
    write_files(folder, files)
    git(folder, "add", "--", *files)


def test_good_commits_pass_and_bad_ones_are_stopped(registry: Path, run: Run) -> None:
    stage(registry, GOOD)
    good = run("git", "commit", "-m", "Good", cwd=registry)
    assert good.returncode == 0, good.stdout
    assert "check the registry" in good.stdout
    for files in (SECOND_CLAIM, TO_NOWHERE):
        stage(registry, files)
        bad = run("git", "commit", "-m", "Bad", cwd=registry)
        assert bad.returncode == 1
        assert "refuse" in bad.stdout
        git(registry, "reset", "-q", "--hard")
    assert git(registry, "log", "-1", "--format=%s") == "Good"


def test_what_is_staged_decides(registry: Path, run: Run) -> None:
    stage(registry, TO_NOWHERE)
    write_files(registry, GOOD)
    assert run("git", "commit", "-m", "Bad", cwd=registry).returncode == 1
    git(registry, "reset", "-q", "--hard")
    stage(registry, GOOD)
    write_files(registry, TO_NOWHERE)
    good = run("git", "commit", "-m", "Good", cwd=registry)
    assert good.returncode == 0, good.stdout
    assert (registry / next(iter(TO_NOWHERE))).read_text() == next(iter(TO_NOWHERE.values()))


def test_a_partial_commit_is_judged_by_what_it_takes(registry: Path, run: Run) -> None:
    stage(registry, SECOND_CLAIM)
    write_files(registry, GOOD)
    git(registry, "add", "--intent-to-add", *GOOD)
    bad = run("git", "commit", "-m", "Bad", "--", *SECOND_CLAIM, cwd=registry)
    assert bad.returncode == 1, bad.stdout


def test_a_merge_is_checked(registry: Path, run: Run) -> None:
    git(registry, "switch", "-q", "-c", "one")
    stage(registry, SECOND_CLAIM)
    git(registry, "rm", "-q", f"{MODEL}/tags/first.yaml")
    git(registry, "commit", "-q", "--no-verify", "-m", "The tag becomes an alias")
    git(registry, "switch", "-q", "main")
    stage(registry, GOOD)
    assert run("git", "commit", "-m", "Good", cwd=registry).returncode == 0
    git(registry, "switch", "-q", "-c", "two")
    stage(registry, {f"{MODEL}/tags/edge.yaml": (registry / MODEL / "tags/first.yaml").read_text()})
    git(registry, "commit", "-q", "--no-verify", "-m", "A tag")
    git(registry, "switch", "-q", "one")
    stage(registry, {f"{MODEL}/aliases/edge.yaml": alias_yaml("2")})
    git(registry, "commit", "-q", "--no-verify", "-m", "An alias of that name")
    merged = run("git", "merge", "--no-edit", "two", cwd=registry)
    assert merged.returncode != 0
    assert "edge" in merged.stdout


def test_all_files_can_be_checked(registry: Path, framework: str, run: Run) -> None:
    assert run(framework, "run", "--all-files", cwd=registry).returncode == 0


def test_the_frameworks_work_beside_the_plain_hooks(
    make_registry: Callable[..., Path], framework: str, run: Run
) -> None:
    config = resource_text("templates/registry/dot-pre-commit-config.yaml")
    folder = make_registry({**small_registry(), ".pre-commit-config.yaml": config})
    assert run("registry", "hooks", "install", cwd=folder).returncode == 0
    assert run(framework, "install", cwd=folder).returncode == 0
    stage(folder, GOOD)
    good = run("git", "commit", "-m", "Good", cwd=folder)
    assert good.returncode == 0, good.stdout
    stage(folder, SECOND_CLAIM)
    assert run("git", "commit", "-m", "Bad", cwd=folder).returncode == 1


def _copy_of_this_project(folder: Path) -> Path:
    """This project as a Git repository with one commit: what a tag of it would hold."""
    names = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    kept = ("registry_tool/", "schemas/", "hooks/", "templates/")
    alone = {"pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml"}
    files = {
        name: (ROOT / name).read_bytes()
        for name in names
        if (name.startswith(kept) or name in alone) and (ROOT / name).is_file()
    }
    folder.mkdir()
    write_files(folder, files)
    git(folder, "init", "-q")
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "-q", "-m", "Release")
    return folder


@pytest.mark.network
@pytest.mark.real_home  # pip's settings are there
@pytest.mark.timeout(900)  # an environment with DVC in it is built
@pytest.mark.long
def test_the_hook_is_built_from_this_repository(
    make_registry: Callable[..., Path], tmp_path: Path, run: Run
) -> None:
    framework = str(PROGRAMS / "pre-commit")
    reached = run(
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest",
        str(tmp_path / "probe"), "hatchling>=1.27", cwd=tmp_path,
    )  # fmt: skip
    if reached.returncode:
        without("pip reaches no package registry")
    project = _copy_of_this_project(tmp_path / "project")
    folder = make_registry(small_registry())
    # Not `try-repo`, which builds the environment anew for each run.
    released = f"repos: [{{repo: {project}, rev: {git(project, 'rev-parse', 'HEAD')}, hooks: [{{id: registry-check}}]}}]\n"
    (tmp_path / "framework.yaml").write_text(released, encoding="utf-8")
    command = [framework, "run", "--config", str(tmp_path / "framework.yaml"), "--verbose"]
    stage(folder, GOOD)
    good = run(*command, cwd=folder)
    assert good.returncode == 0, good.stdout
    assert "no problems found" in good.stdout
    stage(folder, SECOND_CLAIM)
    bad = run(*command, cwd=folder)
    assert bad.returncode == 1, bad.stdout
    assert "M205" in bad.stdout


def test_the_status_knows_the_frameworks_hook(registry: Path, framework: str, run: Run) -> None:
    before = (registry / ".git/hooks/pre-commit").read_bytes()
    seen = run_program("hooks", "status", cwd=registry)
    assert seen.code == 1  # pre-push is missing
    assert seen.out.count("installed: pre-commit runs registry-check from it") == 2
    made = run_program("hooks", "install", cwd=registry)
    assert made.code == 0, made.err
    assert (registry / ".git/hooks/pre-commit").read_bytes() == before
    assert (registry / ".git/hooks/pre-push").exists()
    assert run_program("hooks", "status", cwd=registry).code == 0
    write_files(registry, {".pre-commit-config.yaml": "repos: []\n# - id: registry-check\n"})
    seen = run_program("hooks", "status", cwd=registry)
    assert seen.code == 1
    assert seen.out.count("from another program") == 2
