"""Rules about deleted versions and models: what goes with a deletion, and that it is permanent."""

from __future__ import annotations

from collections.abc import Iterator

from registry_tool.catalog.catalog import VersionView
from registry_tool.checks.rule import (
    ChangeRule,
    ChangeView,
    ModelRule,
    ModelUnderCheck,
    Rule,
    Violation,
    find_state,
    format_name,
    put_back,
)
from registry_tool.manifests.data import text
from registry_tool.manifests.layout import Place

__all__ = ["RULES"]

_OUT_OF_SERVICE = frozenset({"withdrawn", "erased"})
_SHOWN = 5


def _kept_in_service(version: VersionView) -> Iterator[Violation]:
    state = find_state(version)
    if not version.is_deleted or not state or state in _OUT_OF_SERVICE:
        return
    yield Violation(
        f"{format_name(str(version))} is deleted, but its state is {state}",
        path=f"{version.folder}/deletion.yaml",
        found=state,
        expected="`state: withdrawn` in its status.yaml",
        remedy=f"registry delete {format_name(str(version))} --reason TEXT",
    )


def deleted_is_out_of_service(model: ModelUnderCheck) -> Iterator[Violation]:
    """A deleted version must be withdrawn or erased; a deleted model must be archived, without aliases and with all versions deleted.

    Earlier releases do not know ``deletion.yaml``. They do not serve a withdrawn version.

    How to fix: ``registry delete REF --reason TEXT`` writes all of it.

    Example:
        ``versions/3/deletion.yaml`` next to a ``status.yaml`` that says ``state: deprecated``.
    """
    for version in model.looked_at():
        yield from _kept_in_service(version)
    if not model.is_deleted:
        return
    name, path = format_name(str(model.name)), f"{model.folder}/deletion.yaml"
    remedy = f"registry delete {name} --reason TEXT"
    data = None if model.document is None else model.document.data
    if data is not None and text(data, "state") != "archived":
        expected = "`state: archived` in its model.yaml"
        yield Violation(
            f"{name} is deleted, but not archived", path=path, expected=expected, remedy=remedy
        )
    if model.aliases:
        names = ", ".join(map(format_name, model.aliases[:_SHOWN]))
        yield Violation(
            f"{name} is deleted, but has aliases",
            path=path, found=names, expected="no aliases", remedy=remedy,
        )  # fmt: skip
    views = (model.version(version) for version in model.versions)
    live = [format_name(view.version) for view in views if view is not None and not view.is_deleted]
    if live:
        found = ", ".join(live[:_SHOWN])
        yield Violation(
            f"{name} is deleted, but some of its versions are not",
            path=path, found=found, expected="a deletion.yaml in each version", remedy=remedy,
        )  # fmt: skip


def _what(place: Place) -> str:
    return format_name(
        str(place.model) if place.version is None else f"{place.model}@{place.version}"
    )


def deletions_stay(view: ChangeView) -> Iterator[Violation]:
    """A deletion is permanent, and a tag must not newly point to a deleted version.

    The title of a deleted model may belong to another one by now, and clients have seen that it no longer exists.

    How to fix: restore the file with the command in the finding; add the version or the model again under another name.

    Example:
        a change deletes ``versions/3/deletion.yaml``.
    """
    for change in view.changes:
        place = change.place
        if place is None or place.model is None:
            continue
        if place.kind == "deletion" and change.removed:
            yield Violation(
                f"{_what(place)} is deleted permanently; this change restores it",
                path=change.path,
                place=(1, 1),
                expected="the published deletion.yaml",
                remedy=put_back(view, change.path),
            )
        elif place.kind == "tag" and change.added:
            yield from _tag_of_deleted(view, change.path, place)


def _tag_of_deleted(view: ChangeView, path: str, place: Place) -> Iterator[Violation]:
    document = view.head.document(path, place)
    model = None if place.model is None else view.head.model(place.model)
    if document is None or model is None:
        return
    version = model.version(text(document.data, "version"))
    if version is not None and version.is_deleted:
        yield Violation(
            f"tag {format_name(place.name)} of {format_name(str(model.name))} points to version {format_name(version.version)}, which is deleted",
            path=path,
            at=("version",),
            found="deleted",
            expected="a version that is not deleted",
            remedy=f"registry tag add {format_name(str(model.name))}@VERSION {format_name(place.name)}",
        )


def deletions_are_seen(view: ChangeView) -> Iterator[Violation]:
    """A deletion must be reviewed by a person.

    It cannot be undone, and programs that use the version or the model stop.

    How to fix: nothing to fix; an owner of the namespace must review it.

    Example:
        ``versions/3/deletion.yaml`` is added.
    """
    for change in view.changes:
        place = change.place
        if place is not None and place.kind == "deletion" and change.added:
            yield Violation(
                f"{_what(place)} is deleted permanently",
                path=change.path,
                place=(1, 1),
                remedy="an owner of the namespace must review it",
            )


RULES: tuple[Rule, ...] = (
    ModelRule(
        "M226",
        "deleted versions and models are out of service",
        "refuse",
        deleted_is_out_of_service,
    ),
    ChangeRule("C426", "a deletion is permanent", "refuse", deletions_stay),
    ChangeRule("C428", "a deletion is reviewed", "review", deletions_are_seen),
)
