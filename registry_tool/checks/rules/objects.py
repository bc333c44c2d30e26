"""Rules about the objects of other protocols, in ``objects/``."""

from __future__ import annotations

from collections.abc import Iterator

from registry_tool.checks.rule import (
    ChangeRule,
    ChangeView,
    FileRule,
    FileView,
    Rule,
    Violation,
    format_name,
    put_back,
)
from registry_tool.manifests.data import text

__all__ = ["RULES"]


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


RULES: tuple[Rule, ...] = (
    FileRule("F124", "the parent of an object exists", "refuse", parent_exists),
    ChangeRule("C430", "objects are not removed", "refuse", objects_stay),
)
