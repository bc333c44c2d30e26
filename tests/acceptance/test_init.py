from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, commit, git, new_repository, run_program, write_files
from support.manifests import model_files, namespace_yaml, small_registry

DVC = [sys.executable, "-P", "-m", "dvc"]


def dvc(*arguments: str, cwd: Path) -> None:
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [*DVC, *arguments], cwd=cwd, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


def test_init_then_check(tmp_path: Path) -> None:
    made = run_program("init", "models", "--name", "acme", "--remote", "storage", cwd=tmp_path)
    assert (made.code, made.err) == (0, "")
    commit = git(tmp_path / "models", "rev-parse", "--short=12", "HEAD")
    assert made.out.startswith(f"created registry acme in models: commit {commit} on main\n")
    assert "hooks: pre-commit, pre-merge-commit, pre-push" in made.out
    assert "cd models" in made.out
    checked = run_program("check", "--all", cwd=tmp_path / "models")
    assert checked.code == 0, checked.out + checked.err


def test_without_a_remote_the_next_step_is_to_add_one(
    cli: Callable[..., Ran], tmp_path: Path
) -> None:
    ran = cli("init", "my models", "--name", "acme", "--no-hooks", cwd=tmp_path)
    assert "dvc remote add -d storage URL" in ran.out
    assert "cd 'my models'" in ran.out
    assert "hooks:" not in ran.out
    assert not (tmp_path / "my models/.git/hooks/pre-commit").exists()
    dvc("remote", "add", "-q", "-d", "storage", "../storage", cwd=tmp_path / "my models")
    assert "../../storage" in (tmp_path / "my models/.dvc/config").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["models"], 2, "--name"),
        (["models", "--name", "a b"], 2, "is not a valid registry name"),
        (["full", "--name", "acme"], 1, "is not empty; nothing was written"),
        (["full/file", "--name", "acme"], 2, "is not a folder"),
        (["models", "--name", "acme", "--shard", "9"], 2, "9"),
        (["models", "--ci", "github"], 2, "--name"),
        (["full", "--ci", "github"], 2, "--name"),
        (["models", "--name", "acme", "--ci", "jenkins"], 2, "github"),
        (["models", "--name", "acme", "--remote", "https://u:pw@host/x"], 2, "password"),
    ],
)
def test_bad_input_is_answered_in_words(
    cli: Callable[..., Ran], tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    write_files(tmp_path, {"full/file": "x"})
    ran = cli("init", *arguments, cwd=tmp_path)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err
    assert "Traceback" not in ran.err
    assert [p.name for p in tmp_path.iterdir()] == ["full"]


def test_ci_is_laid_down_with_a_new_registry(cli: Callable[..., Ran], tmp_path: Path) -> None:
    made = cli("init", "models", "--name", "acme", "--ci", "gitlab", "--no-hooks", cwd=tmp_path)
    assert made.code == 0, made.err
    assert "less .gitlab/README.md" in made.out
    assert ".gitlab-ci.yml" in git(tmp_path / "models", "ls-files").splitlines()
    assert cli("codeowners", "--check", cwd=tmp_path / "models").code == 0


def test_ci_is_added_to_a_registry_that_is_there(cli: Callable[..., Ran], tmp_path: Path) -> None:
    cli("init", "models", "--name", "acme", "--no-hooks", cwd=tmp_path)
    added = cli("init", "models", "--ci", "github", cwd=tmp_path)
    assert added.code == 0, added.err
    assert "wrote  .github/workflows/validate.yml\n" in added.out
    assert "git -C models add -- .github " in added.out
    root = tmp_path / "models"
    assert (cli("check", cwd=root).code, git(root, "log", "--format=%s")) == (3, "Start registry acme")  # fmt: skip
    commit(root, "Add CI")
    (root / ".github/workflows/nightly.yml").write_text("name: mine\n")
    again = cli("init", ".", "--ci", "github", cwd=root)
    assert (again.code, again.out) == (0, "CI for github already exists\n")
    assert again.err == "note:  .github/workflows/nightly.yml already exists and was not changed\n"
    wrong = cli("init", ".", "--ci", "github", "--shard", "2", cwd=root)
    assert (wrong.code, "is already a registry" in wrong.err) == (2, True)
    named = cli("init", ".", "--ci", "github", "--name", "acme", cwd=root)
    assert (named.code, "not empty" in named.err) == (1, True)


def test_inside_another_repository_it_says_so(cli: Callable[..., Ran], tmp_path: Path) -> None:
    app = new_repository(tmp_path / "app", {"a": "b"})
    ran = cli("init", "models", "--name", "acme", cwd=app)
    assert ran.code == 0
    assert "inside another Git repository" in ran.err


def test_dvc_writes_no_gitignore_of_its_own(tmp_path: Path) -> None:
    run_program("init", "models", "--name", "acme", "--remote", "storage", cwd=tmp_path)
    registry = tmp_path / "models"
    version = registry / "models/nlp/lang-id/versions/3"
    write_files(
        version,
        {"config.yaml": "a: 1\n", "my model.bin": "weights", "folder/version.yaml": "not one\n"},
    )
    names = ["config.yaml", "my model.bin", "folder"]
    dvc("add", "-q", *names, cwd=version)
    dvc("push", "-q", *(f"{name}.dvc" for name in names), cwd=version)
    git(registry, "add", "--all")
    git(registry, "commit", "-q", "--no-verify", "-m", "Add")
    added = git(registry, "show", "--name-only", "--format=").splitlines()
    folder = "models/nlp/lang-id/versions/3"
    assert sorted(added) == sorted(f"{folder}/{name}.dvc" for name in names)
    git(tmp_path, "clone", "-q", "models", "clone")
    dvc("pull", "-q", *(f"{folder}/{name}.dvc" for name in names), cwd=tmp_path / "clone")
    assert (tmp_path / "clone" / folder / "folder/version.yaml").read_text() == "not one\n"
    assert [
        str(p.relative_to(tmp_path / "clone"))
        for p in (tmp_path / "clone/models").rglob(".gitignore")
    ] == []
    assert git(tmp_path / "clone", "status", "--porcelain") == ""


def test_the_readme_names_commands_that_there_are(tmp_path: Path) -> None:
    run_program("init", "models", "--name", "acme", cwd=tmp_path)
    text = (tmp_path / "models/README.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("registry ")]
    for line in {" ".join(line.split()[1:3]) for line in lines}:
        command = [word for word in line.split() if word.isalpha()]
        helped = run_program(*command, "--help", cwd=tmp_path)
        assert helped.code == 0, (line, helped.err)


def test_hooks_install_again_and_again(cli: Callable[..., Ran], tmp_path: Path) -> None:
    registry = new_repository(tmp_path / "models", small_registry())
    first = cli("hooks", "install", cwd=registry / "models/nlp")
    assert (first.code, first.out.count("installed")) == (0, 3)
    assert cli("hooks", "install", "--repo", str(registry), cwd=tmp_path).out.count("already") == 3
    (registry / ".git/hooks/pre-push").write_text("echo mine")
    refused = cli("hooks", "install", cwd=registry)
    assert (refused.code, refused.out) == (1, "")
    assert "--force" in refused.err
    assert cli("hooks", "install", "--force", cwd=registry).code == 0
    assert cli("hooks", "install", cwd=tmp_path).code == 2


def test_a_sharded_registry_takes_a_model(tmp_path: Path) -> None:
    run_program("init", "models", "--name", "acme", "--shard", "2", cwd=tmp_path)
    registry = tmp_path / "models"
    assert "\nshard: 2\n" in (registry / "registry.yaml").read_text()
    flat = model_files()
    write_files(registry, {"models/nlp/namespace.yaml": namespace_yaml(), **flat})
    refused = run_program("check", cwd=registry)
    assert refused.code == 1
    assert "F108" in refused.out


def test_an_empty_name_of_a_folder_is_not_the_current_folder(
    cli: Callable[..., Ran], tmp_path: Path
) -> None:
    ran = cli("init", "", "--name", "acme", cwd=tmp_path)
    assert (ran.code, list(tmp_path.iterdir())) == (2, [])
    assert ran.err.startswith("error: DIR is empty\n")
