"""Requests to a writer, and registries that it writes."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from registry_tool.catalog.catalog import Catalog
from registry_tool.edits.aliases import set_alias
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.edits.versions import VersionRecord, add_version
from registry_tool.git.repository import Repository
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName, Reference
from registry_tool.writer.request import Person, WriteRequest
from registry_tool.writer.writer import Writer
from support import git, new_repository
from support.manifests import small_registry

__all__ = [
    "ADA",
    "BOB",
    "MODEL",
    "alias_request",
    "bare_registry",
    "checkout",
    "files_edit",
    "held",
    "opened",
    "subjects",
    "version_edit",
    "version_request",
]

ADA = Person("Ada Lovelace", "ada@example.org")
BOB = Person("Bob", "bob@example.org")
MODEL = ModelName("nlp", "lang-id")


def checkout(folder: Path, **files: str) -> Path:
    """A checkout of a small registry; more files by path."""
    return new_repository(folder, {**small_registry(), **files})


def bare_registry(folder: Path, files: dict[str, str] | None = None) -> Path:
    """A bare repository of a small registry."""
    source = checkout(folder / "source", **(files or {}))
    git(folder, "clone", "--quiet", "--bare", str(source), "bare.git")
    git(folder / "bare.git", "remote", "remove", "origin")
    return folder / "bare.git"


def opened(folder: Path) -> Repository:
    """A repository."""
    return Repository.open(folder)


def version_edit(
    number: int, *, version: str | None = None, model: ModelName = MODEL, external_id: str = ""
) -> Edit:
    """Adds a version that no other number adds."""
    artifact: dict[str, JSON] = {
        "name": "model",
        "uri": f"https://example.org/{number}.onnx",
        "role": "model",
    }
    fields: dict[str, object] = {
        "framework": {"type": "onnx", "version": "1.2"},
        "author": str(ADA),
        "parameters": {"lr": number},
    }
    if external_id:
        fields["external_id"] = external_id
    return add_version(model, version, VersionRecord(fields=fields, artifacts=[artifact]))


def version_request(number: int, author: Person = ADA, *, key: str = "") -> WriteRequest:
    """Adds the next version of the model."""
    return WriteRequest(
        version_edit(number), author, api="mlflow", request_id=key, content=f"version {number}"
    )


def alias_request(
    alias: str, version: str, *, key: str = "", may_review: bool = False
) -> WriteRequest:
    """Sets an alias of the model."""
    edit = set_alias(Reference(MODEL, version), alias)
    return WriteRequest(
        edit,
        ADA,
        api="kubeflow",
        request_id=key,
        content=f"{alias} {version}",
        may_review=may_review,
    )


def files_edit(puts: dict[str, bytes], *, deletes: Sequence[str] = ()) -> Edit:
    """Writes and deletes files as they are given."""

    def edit(_: Catalog) -> ChangeSet:
        return ChangeSet("Change files", puts, frozenset(deletes))

    return edit


def subjects(folder: Path, revision: str = "HEAD") -> list[str]:
    """The first lines of a branch's commits, oldest first."""
    return git(folder, "log", "--first-parent", "--reverse", "--format=%s", revision).splitlines()


@contextmanager
def held(writer: Writer) -> Iterator[None]:
    """Keep a writer busy until the block ends, so that what is asked for meanwhile becomes one train."""
    began, go = threading.Event(), threading.Event()

    def wait(_: Catalog) -> ChangeSet:
        began.set()
        go.wait(30)
        return ChangeSet("Nothing")

    future = writer.submit(WriteRequest(wait, BOB))
    began.wait(30)
    try:
        yield
    finally:
        go.set()
    future.result(30)
