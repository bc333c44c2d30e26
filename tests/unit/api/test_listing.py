"""Many models and versions at once: rows answer, files are read when more is asked, and nothing is out of date."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, commit, write_files
from support.manifests import (
    alias_yaml,
    metadata_yaml,
    model_files,
    small_registry,
    status_yaml,
    version_files,
    version_yaml,
)

import registry_tool
from registry_tool.errors import InvalidManifestError, NotFoundError, UsageError

LANG = "models/nlp/lang-id"
BROKEN = "x: ["
FILES = {
    **small_registry(versions=("1", "2", "10")),
    **model_files("vision/cats", labels=["edge"]),
    **version_files("2", metrics=[{"key": "accuracy", "value": 0.9}], description="Quicker."),
    f"{LANG}/versions/2/metadata.yaml": metadata_yaml(labels=["edge"]),
    f"{LANG}/versions/2/status.yaml": status_yaml("deprecated"),
}


@pytest.fixture
def folder(make_registry: Callable[..., Path]) -> Path:
    return make_registry(FILES)


def found(folder: Path, query: str, ref: str = "HEAD") -> list[str]:
    with registry_tool.open(folder, ref=ref) as registry:
        return [f"{version.model}@{version.version}" for version in registry.search(query)]


def searched(folder: Path, query: str) -> list[str]:
    """By the command, as a process of its own: what lies in the work tree."""
    command = [sys.executable, "-m", "registry_tool", "search", "--versions", query]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return [line.split()[0] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("asked_before", ["", "edge"])
def test_a_version_of_a_list_answers_as_one_that_was_asked_for(
    folder: Path, asked_before: str
) -> None:
    if asked_before:
        found(folder, asked_before)
    with registry_tool.open(folder) as registry:
        for listed in registry.versions("nlp/lang-id"):
            alone = registry.version(f"nlp/lang-id@{listed.version}")
            for name in (
                "model", "version", "state", "created_at", "description", "labels", "metrics", "tags",
                "aliases", "data", "manifest", "framework", "author", "metadata",
            ):  # fmt: skip
                assert getattr(listed, name) == getattr(alone, name), name
            assert [a.sha256 for a in listed.artifacts()] == [a.sha256 for a in alone.artifacts()]
        assert [v.version for v in registry.versions("nlp/lang-id")] == ["1", "2", "10"]


def test_metrics_that_a_program_changes_are_its_own(folder: Path) -> None:
    with registry_tool.open(folder) as registry:
        (version,) = registry.search("accuracy>=0.9")
        assert isinstance(version.metrics, dict)
        version.metrics["accuracy"] = 0.1
        assert [v.version for v in registry.search("accuracy>=0.9")] == ["2"]


def test_search(folder: Path) -> None:
    assert found(folder, "label:edge") == ["nlp/lang-id@2", "vision/cats@1"]
    assert found(folder, "accuracy>=0.9 state:deprecated") == ["nlp/lang-id@2"]
    assert found(folder, "lang-id") == ["nlp/lang-id@10", "nlp/lang-id@2", "nlp/lang-id@1"]
    assert found(folder, "alias:production") == ["nlp/lang-id@1"]
    with registry_tool.open(folder) as registry, pytest.raises(UsageError):
        list(registry.search("colour:red"))


@pytest.mark.parametrize("ref", ["HEAD", registry_tool.WORK_TREE])
def test_what_cannot_be_read(folder: Path, ref: str) -> None:
    broken = {f"{LANG}/versions/2/version.yaml": BROKEN, "models/vision/cats/model.yaml": BROKEN}
    broken |= {f"{LANG}/versions/10/status.yaml": BROKEN}
    write_files(folder, broken)
    commit(folder)
    assert found(folder, "lang", ref) == ["nlp/lang-id@1"]
    with registry_tool.open(folder, ref=ref) as registry:
        listed = registry.versions("nlp/lang-id")
        assert next(listed).version == "1"
        with pytest.raises(InvalidManifestError, match=r"versions/2/version\.yaml"):
            next(listed)
        with pytest.raises(InvalidManifestError, match=r"cats/model\.yaml"):
            list(registry.versions("vision/cats"))
        with pytest.raises(NotFoundError):
            list(registry.versions("nlp/none"))
    write_files(folder, {f"{LANG}/versions/2/version.yaml": version_yaml("2")})
    commit(folder)
    with registry_tool.open(folder, ref=ref) as registry:
        last = [*registry.versions("nlp/lang-id")][-1]
        with pytest.raises(InvalidManifestError, match=r"versions/10/status\.yaml"):
            _ = last.state


def test_a_commit_is_found_after_a_refresh(folder: Path) -> None:
    with registry_tool.open(folder) as registry:
        assert [v.version for v in registry.search("alias:production")] == ["1"]
        write_files(folder, {f"{LANG}/aliases/production.yaml": alias_yaml("10")})
        commit(folder)
        assert [v.version for v in registry.search("alias:production")] == ["1"]
        with registry.refresh() as refreshed:
            assert [v.version for v in refreshed.search("alias:production")] == ["10"]


def test_edits_of_a_work_tree_are_found_and_not_kept(folder: Path) -> None:
    at_work = registry_tool.WORK_TREE
    assert searched(folder, "label:edge") == found(folder, "label:edge", at_work)
    write_files(folder, {f"{LANG}/versions/1/metadata.yaml": metadata_yaml(labels=["edge"])})
    write_files(folder, model_files("nlp/new", labels=["edge"]))
    (folder / LANG / "versions/2/metadata.yaml").unlink()
    expected = ["nlp/lang-id@1", "nlp/new@1", "vision/cats@1"]
    for _ in range(2):
        assert searched(folder, "label:edge") == expected
        assert found(folder, "label:edge", at_work) == expected
        assert found(folder, "label:edge") == ["nlp/lang-id@2", "vision/cats@1"]
    commit(folder)
    assert found(folder, "label:edge") == searched(folder, "label:edge") == expected


def test_a_work_tree_is_listed_as_it_lies_there(folder: Path, cli: Callable[..., Ran]) -> None:
    with registry_tool.open(folder, ref=registry_tool.WORK_TREE) as registry:
        write_files(folder, {f"{LANG}/versions/2/status.yaml": status_yaml("withdrawn")})
        states = [(v.version, v.state) for v in registry.versions("nlp/lang-id")]
        assert states == [("1", "active"), ("2", "withdrawn"), ("10", "active")]
    listed = cli("list", "nlp/lang-id", cwd=folder).out.splitlines()
    assert [line.split()[:2] for line in listed] == [
        ["10", "active"],
        ["2", "withdrawn"],
        ["1", "active"],
    ]


def test_several_processes_at_once(folder: Path, home: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "registry_tool",
        "search",
        "label:edge",
        "--versions",
        "--ref",
        "HEAD",
    ]
    for _ in range(2):  # with nothing kept, and with everything
        running = [
            subprocess.Popen(
                command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            for _ in range(4)
        ]
        answers = {process.communicate() for process in running}
        assert len(answers) == 1
        ((out, err),) = answers
        assert [line.split()[0] for line in out.splitlines()] == ["nlp/lang-id@2", "vision/cats@1"]
        assert err == ""
    assert any((home / ".cache/registry-tool/rows").rglob("*"))
