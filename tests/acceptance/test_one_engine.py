"""One engine: the same bad tree gives the same findings through every door."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, git, write_files
from support.manifests import alias_yaml, model_yaml, small_registry, tag_yaml

import registry_tool as registry
from registry_tool.checks.engine import check
from registry_tool.checks.findings import Finding
from registry_tool.checks.reports.formats import render
from registry_tool.git.tree import DictTree

Cli = Callable[..., Ran]
Doors = dict[str, list[dict[str, object]]]


def _bad_files() -> dict[str, str]:
    """A registry with something wrong in the scope of a file, of a model, and of the registry."""
    folder = "models/nlp/lang-id"
    files = small_registry()
    files[f"{folder}/aliases/champion.yaml"] = alias_yaml("9")  # no such version
    files[f"{folder}/tags/production.yaml"] = tag_yaml("2")  # the name of an alias
    files[f"{folder}/aliases/broken.yaml"] = "schema: alias/v1\nmodel: nlp/lang-id\nversion: [1\n"
    files[f"{folder}/aliases/odd.yaml"] = alias_yaml("1") + "flavour: sweet\n"
    files[f"{folder}/notes.txt"] = "stray\n"
    files["models/nlp/lang_id/model.yaml"] = model_yaml("lang_id", "nlp")  # twin of lang-id
    files["models/cv/edges/model.yaml"] = model_yaml("edges", "cv")  # a namespace without owners
    return files


def _as_data(findings: tuple[Finding, ...]) -> list[dict[str, object]]:
    return [finding._asdict() for finding in findings]


@pytest.fixture
def doors(tmp_path: Path, cli: Cli) -> Doors:
    """The findings of that tree through each way in."""
    files = _bad_files()
    repository = tmp_path / "registry"
    repository.mkdir()
    git(repository, "init", "-q", "-b", "main")
    write_files(repository, files)

    def asked(*arguments: str, cwd: Path = repository) -> list[dict[str, object]]:
        ran = cli("check", "--format", "json", *arguments, cwd=cwd)
        assert ran.code == 1, ran.err
        findings: list[dict[str, object]] = json.loads(ran.out)["findings"]
        return findings

    found: Doors = {"library, a dict": _as_data(check(DictTree(files)).findings)}
    found["work tree, nothing committed"] = asked("--all")
    git(repository, "add", "-A")
    found["staged"] = asked("--staged")
    git(repository, "commit", "-qm", "Bad", "--no-verify")
    found["work tree"] = asked("--all")
    found["a revision"] = asked("--head", "HEAD")
    with registry.open(repository) as reg:
        found["library, a commit"] = _as_data(reg.check().findings)
    bare = tmp_path / "bare.git"
    git(repository, "clone", "-q", "--bare", str(repository), str(bare))
    found["bare"] = asked(cwd=bare)
    folder = tmp_path / "folder"
    shutil.copytree(repository, folder, ignore=shutil.ignore_patterns(".git"))
    found["a folder without Git"] = asked(cwd=folder)
    return found


def test_every_door_gives_the_same_findings(doors: Doors) -> None:
    first = doors["library, a dict"]
    assert {f["rule"] for f in first} >= {"F101", "F103", "F108", "M203", "M205", "R302", "R305"}
    for door, findings in doors.items():
        assert findings == first, door


def test_the_hook_prints_the_same_lines(tmp_path: Path, cli: Cli) -> None:
    repository = tmp_path / "registry"
    repository.mkdir()
    git(repository, "init", "-q", "-b", "main")
    files = _bad_files()
    write_files(repository, files)
    git(repository, "add", "-A")
    assert cli("hooks", "install", cwd=repository).code == 0
    with pytest.raises(AssertionError) as refused:
        git(repository, "commit", "-m", "Bad")
    for line in render(check(DictTree(files)), "text").splitlines():
        assert line in str(refused.value)
