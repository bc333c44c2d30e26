from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, commit, git, put_object, write_files
from support.manifests import MODEL_BYTES, alias_yaml, model_yaml, registry_yaml, small_registry

Make = Callable[..., Path]
Cli = Callable[..., Ran]
MODEL = "models/nlp/lang-id/model.yaml"
ALIAS = "models/nlp/lang-id/aliases/production.yaml"
BROKEN = {MODEL: model_yaml(owner=None)}


@pytest.fixture
def root(make_registry: Make) -> Path:
    return make_registry(small_registry())


def test_clean_registry_passes(cli: Cli, root: Path) -> None:
    ran = cli("check", cwd=root)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "note: checked all files: no changes in the working tree since HEAD\n"
        "11 files checked, no problems found\n"
    )


def test_refused_change_names_file_rule_and_line(cli: Cli, root: Path) -> None:
    write_files(root, BROKEN)
    ran = cli("check", cwd=root)
    assert ran.code == 1
    assert ran.out.startswith(f"{MODEL}:1:1: refuse F103 ")
    assert "note: checked changes in the working tree since HEAD\n" in ran.out
    assert ran.out.endswith(" refused\n")


def test_needs_review_is_exit_code_3(cli: Cli, make_registry: Make) -> None:
    settings = registry_yaml(rules={"M212": "review"})
    root = make_registry(
        small_registry() | {"registry.yaml": settings, MODEL: model_yaml(license="No-Such")}
    )
    ran = cli("check", "--format", "json", cwd=root)
    assert (ran.code, json.loads(ran.out)["verdict"]) == (3, "review")


def test_warnings_pass(cli: Cli, make_registry: Make) -> None:
    settings = registry_yaml(rules={"M212": "warn"})
    root = make_registry(
        small_registry() | {"registry.yaml": settings, MODEL: model_yaml(license="No-Such")}
    )
    ran = cli("check", cwd=root)
    assert ran.code == 0
    assert ran.out.endswith("11 files checked, 1 warning\n")


def test_only_what_differs_is_checked_unless_all_is_asked_for(
    cli: Cli, make_registry: Make
) -> None:
    root = make_registry(small_registry() | BROKEN)
    write_files(
        root, {"models/nlp/namespace.yaml": (root / "models/nlp/namespace.yaml").read_text() + "\n"}
    )
    data = json.loads(cli("check", "--format", "json", cwd=root).out)
    assert data["checked"] == 1
    data = json.loads(cli("check", "--all", "--format", "json", cwd=root).out)
    assert data["checked"] == 11
    assert data["verdict"] == "refuse"


def test_staged(cli: Cli, root: Path) -> None:
    write_files(root, BROKEN)
    assert cli("check", "--staged", cwd=root).code == 0
    git(root, "add", ".")
    write_files(root, {MODEL: model_yaml()})
    ran = cli("check", "--staged", cwd=root)
    assert ran.code == 1
    assert "staged changes" in ran.out


def test_revisions(cli: Cli, root: Path) -> None:
    write_files(root, BROKEN)
    commit(root)
    assert cli("check", "--base", "HEAD~1", "--head", "HEAD", cwd=root).code == 1
    assert cli("check", "--head", "HEAD~1", cwd=root).code == 0
    ran = cli("check", "--base", "nope", cwd=root)
    assert (ran.code, ran.out) == (2, "")
    assert "'nope' is not a commit, branch or tag" in ran.err


@pytest.mark.parametrize("form", ["json", "sarif", "github", "markdown", "text"])
def test_output_goes_to_a_file(cli: Cli, root: Path, tmp_path: Path, form: str) -> None:
    write_files(root, BROKEN)
    shown = cli("check", "--format", form, cwd=root)
    target = tmp_path / "report"
    ran = cli("check", "--format", form, "--output", str(target), cwd=root)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.endswith(" refused\n")
    assert target.read_text(encoding="utf-8") == shown.out


def test_output_that_cannot_be_written(cli: Cli, root: Path) -> None:
    ran = cli("check", "--output", "registry.yaml/report", cwd=root)
    assert (ran.code, ran.out) == (4, "")
    assert "cannot write registry.yaml/report: Not a directory" in ran.err


@pytest.mark.parametrize(
    ("folder", "path"),
    [
        ("", "models/nlp"),
        ("", "./models/nlp/"),
        ("models", "nlp"),
        ("models/nlp/lang-id", "model.yaml"),
        ("models/nlp/lang-id", "../namespace.yaml"),
        ("models/nlp/lang-id", MODEL),
        ("models", "."),
    ],
)
def test_paths_are_of_the_current_folder_or_of_the_registry(
    cli: Cli, root: Path, folder: str, path: str
) -> None:
    ran = cli("check", path, cwd=root / folder)
    assert (ran.code, ran.err) == (0, "")
    checked = int(ran.out.splitlines()[-1].split()[0])
    assert checked == (1 if path.endswith(".yaml") else 8)


def test_absolute_paths(cli: Cli, root: Path) -> None:
    assert "1 file checked" in cli("check", str(root / MODEL), cwd=root).out


def test_a_deleted_path_can_be_named(cli: Cli, root: Path) -> None:
    (root / ALIAS).unlink()
    assert cli("check", ALIAS, cwd=root).code == 0


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("../outside", "is outside the registry"),
        ("/etc/passwd", "is outside the registry"),
        ("models/../../x", "is outside the registry"),
        ("nothing", "no such path in the registry: 'nothing'"),
        ("a\nb\x1b[31m", r"no such path in the registry: 'a\nb\x1b[31m'"),
    ],
)
def test_wrong_paths(cli: Cli, root: Path, path: str, words: str) -> None:
    ran = cli("check", path, cwd=root)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err


def test_remote(cli: Cli, root: Path) -> None:
    put_object(root, MODEL_BYTES)
    ran = cli("check", "--remote", cwd=root)
    assert ran.code == 1
    assert "refuse A501 artifact model, 13 bytes: missing from the remote storage" in ran.out
    put_object(root, b"nlp/lang-id@2")
    assert cli("check", "--remote", cwd=root).code == 0


def test_remote_without_a_remote(cli: Cli, make_registry: Make) -> None:
    root = make_registry(
        small_registry() | {".dvc/config": "", "registry.yaml": registry_yaml(remote=None)}
    )
    ran = cli("check", "--remote", "--format", "json", cwd=root)
    assert (ran.code, ran.out) == (4, "")
    assert "dvc remote add" in ran.err


def test_plain_folder(cli: Cli, tmp_path: Path) -> None:
    write_files(tmp_path / "plain", small_registry())
    ran = cli("check", cwd=tmp_path / "plain")
    assert ran.code == 0
    assert "note: checked all files in this folder\n" in ran.out


def test_bare_repository(cli: Cli, root: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(root), "bare.git")
    ran = cli("check", "--repo", "bare.git", cwd=tmp_path)
    assert ran.code == 0
    assert "note: checked all files at HEAD\n" in ran.out
    assert cli("check", "models/nlp", cwd=tmp_path / "bare.git").code == 0


def test_not_a_registry(cli: Cli, make_registry: Make, tmp_path: Path) -> None:
    other = make_registry({"README.md": "x"}, name="other")
    ran = cli("check", "--format", "json", cwd=other)
    assert (ran.code, ran.out) == (2, "")
    assert "not a registry" in ran.err
    (tmp_path / "empty").mkdir()
    assert cli("check", cwd=tmp_path / "empty").code == 2


def test_moved_alias_is_judged_with_its_neighbourhood(cli: Cli, root: Path) -> None:
    write_files(root, {ALIAS: alias_yaml("9")})
    ran = cli("check", cwd=root)
    assert ran.code == 1
    assert f"{ALIAS}:3:10: refuse M203 " in ran.out
