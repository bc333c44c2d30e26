"""Rules about names that Windows reserves for devices: such a file cannot be checked out there."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from registry_tool.checks.rule import (
    ChangeRule,
    ChangeView,
    FileRule,
    FileView,
    Located,
    ModelRule,
    ModelUnderCheck,
    Rule,
    Violation,
    format_name,
)
from registry_tool.manifests.data import Data, records, text
from registry_tool.manifests.document import Document
from registry_tool.manifests.layout import Layout, Place
from registry_tool.manifests.problems import JSONPath
from registry_tool.names import is_device

__all__ = ["RULES"]

_WAY_OUT = "use another name for a new model (with `continues:`) or a new version"
_is_device = lru_cache(1 << 14)(is_device)  # names are met again with each file of a folder


def _list_names(place: Place, layout: Layout) -> Iterator[tuple[str, str, str]]:
    """The names in a path: the word for each, the name, and the file that gives it; empty for the path's own."""
    if place.kind == "namespace":
        yield "namespace", place.name, ""
    if place.model is not None:
        space = place.model.namespace
        folder = layout.model(place.model)
        yield "namespace", space, f"{layout.namespace(space)}/namespace.yaml"
        yield "model", place.model.name, f"{folder}/model.yaml"
        if place.version is not None:
            yield "version", place.version, f"{layout.subject(place)}/version.yaml"
    if place.kind == "dvc":
        yield "artifact", place.name, ""
    elif place.kind in {"tag", "alias", "evidence", "waiver", "key"} and place.name:
        yield place.kind, place.name, ""


def _hit(subject: str, name: str, remedy: str) -> Violation:
    return Violation(
        f"the {subject} has a device name on Windows and cannot be checked out there",
        found=format_name(name),
        expected="a name other than con, prn, aux, nul, com1 to com9 or lpt1 to lpt9, with any extension",
        remedy=remedy,
    )


def names_of_files(file: FileView) -> Iterator[Violation]:
    """No name in a path should be a device name on Windows.

    Windows reserves ``aux``, ``con``, ``nul.v2``, ``com1`` and similar names, with any extension: ``git checkout`` and
    ``dvc pull`` fail. Names are permanent, so new ones are refused; published ones stay valid and get this warning.

    How to fix: choose another name before the file is on the main branch. A published name stays; a new model with
    ``continues`` can have another name.

    Example:
        ``models/nlp/lang-id/tags/aux.yaml``.
    """
    if file.location is None:
        return
    for what, name, home in _list_names(file.location, file.catalog.layout):
        if not _is_device(name):
            continue
        if home and home != file.path and file.catalog.tree.entry(home) is not None:
            continue  # the finding is reported for the folder's own manifest
        yield _hit(f"{what} {format_name(name)}", name, _WAY_OUT)


def _in_entries(data: Data | None) -> Iterator[tuple[str, JSONPath, str, str]]:
    """Names in the entries of a record's artifacts: what identifies each, where, what it is, and the part."""
    for number, entry in enumerate(records(data, "artifacts")):
        name = text(entry, "name")
        if _is_device(name):
            yield name, ("artifacts", number, "name"), f"artifact {format_name(name)}", name
        for place, listed in enumerate(records(entry, "files")):
            path = text(listed, "path")
            for part in path.split("/"):
                if _is_device(part):
                    at: JSONPath = ("artifacts", number, "files", place, "path")
                    yield (
                        f"{name}/{path}",
                        at,
                        f"file {format_name(path)} of {format_name(name)}",
                        part,
                    )


def _in_record(document: Document | None) -> Iterator[Violation]:
    if document is None:
        return
    for _, at, what, part in _in_entries(document.data):
        yield _hit(what, part, _WAY_OUT)._replace(path=document.path, at=at)


def names_of_artifacts(model: ModelUnderCheck) -> Iterator[Violation]:
    """No artifact, and no file of a folder artifact, should have a device name of Windows.

    ``dvc pull`` and ``registry fetch`` write these files under their names, and fail on Windows. Published names stay
    valid; new ones are refused.

    How to fix: rename the file and add it in a new version.

    Example:
        the artifact ``bundle`` with a file ``src/aux.c``.
    """
    yield from _in_record(model.document)
    for version in model.looked_at():
        yield from _in_record(version.document)


def _named_now(view: ChangeView, change: Located, place: Place) -> Iterator[Violation]:
    """Find the names that a new file introduces: of its folder, or its own."""
    layout, tree = view.base.layout, view.base.tree
    for what, name, home in _list_names(place, layout):
        if not _is_device(name):
            continue
        gives = not home or home == change.path
        known = what == "artifact" and tree.entry(change.path.rpartition("/")[0]) is not None
        if gives and not known:
            hit = _hit(f"{what} {format_name(name)}", name, f"choose another {what} name")
            yield hit._replace(path=change.path)


def new_names_work_everywhere(view: ChangeView) -> Iterator[Violation]:
    """A change must not add a device name of Windows, because names are permanent.

    ``F114`` and ``M218`` warn about published names; this rule refuses new ones.

    How to fix: choose another name.

    Example:
        a new model ``nlp/aux``, or a new version with an artifact ``nul.bin``.
    """
    for change in view.changes:
        place = change.place
        if place is None or change.removed:
            continue
        if change.added:
            yield from _named_now(view, change, place)
        if place.kind in {"model", "version"}:
            before = view.base.document(change.path, place) if not change.added else None
            known = {key for key, *_ in _in_entries(before.data if before else None)}
            after = view.head.document(change.path, place)
            for key, at, what, part in _in_entries(after.data if after else None):
                if key not in known:
                    yield _hit(what, part, "rename the file")._replace(path=change.path, at=at)


RULES: tuple[Rule, ...] = (
    FileRule("F114", "the names in the path work on Windows", "warn", names_of_files),
    ModelRule("M218", "the names of artifacts work on Windows", "warn", names_of_artifacts),
    ChangeRule("C424", "new names work on Windows", "refuse", new_names_work_everywhere),
)
