"""Rules about the data of other protocols: objects, in ``objects/``, and ``wire.yaml``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.rule import (
    ChangeRule,
    ChangeView,
    FileRule,
    FileView,
    Located,
    Rule,
    Violation,
    format_name,
    put_back,
)
from registry_tool.manifests.data import text
from registry_tool.manifests.document import READ_LIMIT
from registry_tool.manifests.problems import JSON

__all__ = ["RULES"]

_FREE: Final = frozenset({"wire", "object"})
# Half of what a manifest may have: a server and its replicas keep each one in memory.
_MOST_BYTES: Final = 128 * 1024
_MOST_LEVELS: Final = 32
_MOST_ENTRIES: Final = 10_000


class _Shape(NamedTuple):
    """How many levels some data has, and how many keys and items in all."""

    levels: int
    entries: int


def parent_exists(file: FileView) -> Iterator[Violation]:
    """The ``parent`` of an object must be another object of the same protocol that exists.

    Clients list what an experiment or a serving environment contains by its children.

    How to fix: write the parent as ``kind/slug``, or omit the field.

    Example:
        ``parent: experiment/first-tries-1f0c2d3e``, and there is no such file in ``objects/kubeflow/experiment/``.
    """
    document, place = file.document, file.location
    if document is None or place is None or place.kind != "object":
        return
    parent = text(document.data, "parent")
    if not parent:
        return
    api, kind, slug = (*place.name.split("/")[:1], *parent.split("/"))
    path = file.catalog.layout.object(api, kind, slug)
    if path == file.path or file.catalog.tree.entry(path) is None:
        yield Violation(
            f"the parent {format_name(parent)} is the object itself"
            if path == file.path
            else f"the parent {format_name(parent)} does not exist",
            at=("parent",),
            found=parent,
            expected=f"an object in objects/{format_name(api)}/, as kind/slug",
            remedy="correct `parent`, or delete the line",
        )


def objects_stay(view: ChangeView) -> Iterator[Violation]:
    """An object must not be removed.

    Clients know it by a number that is counted from history, and other objects may belong to it.

    How to fix: restore the file with the command in the finding, and write ``state: deleted`` in it.

    Example:
        a change deletes ``objects/mlflow/run/3f/bold-ape-7-1f0c2d3e.yaml``.
    """
    for change in view.changes:
        place = change.place
        if place is not None and place.kind == "object" and change.removed:
            yield Violation(
                f"the object {format_name(place.name)} is published; this change removes it",
                path=change.path,
                place=(1, 1),
                expected="objects are permanent",
                remedy=f"{put_back(view, change.path)}; then write `state: deleted` in it",
            )


def _published_path(view: ChangeView, change: Located) -> str:
    """Where what a change writes is published already; a sealed version was a draft."""
    place = change.place
    if change.base is None and place is not None and place.model is not None and place.version:
        return f"{view.base.layout.draft(place.model, place.version)}/wire.yaml"
    return change.path


def _free_data(view: ChangeView) -> Iterator[Located]:
    """The files with free data that a change writes."""
    for change in view.changes:
        if change.place is not None and change.place.kind in _FREE and change.head is not None:
            yield change


def _count_bytes(catalog: Catalog, path: str) -> int:
    return len(catalog.tree.read(path, limit=READ_LIMIT) or b"")


def _too_much(path: str, found: int, most: int, what: str, remedy: str) -> Violation:
    return Violation(
        f"the data has {found:,} {what}, more than {most:,}",
        path=path,
        place=(1, 1),
        found=f"{found:,} {what}",
        expected=f"at most {most:,} {what}",
        remedy=remedy,
    )


def wire_data_is_small(view: ChangeView) -> Iterator[Violation]:
    """A ``wire.yaml`` that a change writes must not have more than 128 KiB.

    A server and its replicas keep the wire data of all models and versions in memory, and every clone has all of its
    states. A published file that is larger may stay, and may become smaller.

    How to fix: keep long texts in ``CARD.md``, files in the remote, and series of values in evidence or objects.

    Example:
        ``versions/4/wire.yaml`` has the log of a training, 200 KiB of text.
    """
    for change in _free_data(view):
        if change.place is None or change.place.kind != "wire":
            continue
        size = _count_bytes(view.head, change.path)
        before = _count_bytes(view.base, _published_path(view, change))
        if size > max(_MOST_BYTES, before):
            remedy = "keep long texts in CARD.md, and files in the remote"
            yield _too_much(change.path, size, _MOST_BYTES, "bytes", remedy)


def _measure(data: JSON) -> _Shape:
    """The levels and entries of some data, without recursion."""
    levels, entries, layer = 0, 0, [data]
    while layer := [one for one in layer if isinstance(one, dict | list)]:
        levels += 1
        inside: list[JSON] = []
        for one in layer:
            inside += one.values() if isinstance(one, dict) else one
        entries += len(inside)
        layer = inside
    return _Shape(levels, entries)


def _measure_file(catalog: Catalog, path: str) -> _Shape:
    place = catalog.layout.locate(path)
    document = None if place is None else catalog.document(path, place)
    data: JSON = None if document is None or document.data is None else {**document.data}
    return _measure(data)


def free_data_has_bounded_shape(view: ChangeView) -> Iterator[Violation]:
    """A ``wire.yaml`` or an object that a change writes must not have more than 32 levels, or 10,000 keys and items.

    Programs that read such data step into each level, and compare each key. A published file with more may stay, and may get less.

    How to fix: write nested data as one text, such as JSON, and series of values as evidence or as several objects.

    Example:
        an experiment's ``data`` has a list in a list in a list, 40 levels deep.
    """
    for change in _free_data(view):
        shape = _measure_file(view.head, change.path)
        if shape.levels <= _MOST_LEVELS and shape.entries <= _MOST_ENTRIES:
            continue
        before = _measure_file(view.base, _published_path(view, change))
        for found, known, most, what in (
            (shape.levels, before.levels, _MOST_LEVELS, "levels"),
            (shape.entries, before.entries, _MOST_ENTRIES, "keys and items"),
        ):
            if found > max(most, known):
                remedy = "write nested data as one text, such as JSON; write series of values as several objects"
                yield _too_much(change.path, found, most, what, remedy)


RULES: tuple[Rule, ...] = (
    FileRule("F124", "the parent of an object exists", "refuse", parent_exists),
    ChangeRule("C430", "objects are not removed", "refuse", objects_stay),
    ChangeRule("C433", "wire data is small", "refuse", wire_data_is_small),
    ChangeRule("C434", "free data has a bounded shape", "refuse", free_data_has_bounded_shape),
)
