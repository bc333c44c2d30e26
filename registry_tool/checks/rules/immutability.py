"""Rules about what never changes once it is published: the record of a version, its pointers, and its evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.rule import (
    ChangeRule,
    ChangeView,
    Located,
    Rule,
    Violation,
    named,
    put_back,
    record_entry,
    removal,
    state_of,
    version_of,
)
from registry_tool.git.tree import Entry
from registry_tool.manifests.data import text
from registry_tool.manifests.layout import Place

__all__ = ["RULES"]

_SHOWN = 12


def _name(place: Place) -> str:
    return named(str(place.model) if place.version is None else f"{place.model}@{place.version}")


def _file(place: Place, path: str) -> str:
    return f"{named(path.rpartition('/')[2])} of {_name(place)}"


def _identity(catalog: Catalog, change: Located) -> str:
    """The identity that a record says it has; empty for any other file, and where it cannot be read."""
    place = change.place
    if place is None or place.kind != "version":
        return ""
    document = catalog.document(change.path, place)
    return "" if document is None else text(document.data, "identity")


def _arrivals(view: ChangeView) -> Mapping[str, str]:
    """The records that a change adds: path by object id and by identity."""
    found: dict[str, str] = {}
    for change in view.changes:
        head, place = change.head, change.place
        if head is not None and change.added and place is not None and place.kind == "version":
            for key in (head.oid, _identity(view.head, change)):
                found.setdefault(key, change.path)
    found.pop("", None)
    return found


def _edited(
    view: ChangeView, change: Located, place: Place, before: Entry, after: Entry
) -> Violation:
    file, remedy = _file(place, change.path), put_back(view, change.path)
    if before.oid == after.oid:
        return Violation(
            f"{file} is published, and this changes its mode",
            path=change.path,
            place=(1, 1),
            found=f"{after.mode:o}",
            expected=f"{before.mode:o}",
            remedy=remedy,
        )
    was, becomes = _identity(view.base, change), _identity(view.head, change)
    if was != becomes and becomes:
        return Violation(
            f"the identity of {_name(place)} is changed without a new version",
            path=change.path,
            at=("identity",),
            found=becomes,
            expected=was,
            remedy=f"{remedy}; then: registry version add {named(str(place.model))} --artifact PATH --framework TYPE",
        )
    return Violation(
        f"{file} is published, and this changes it",
        path=change.path,
        place=(1, 1),
        expected=f"the content it was published with, {before.oid[:_SHOWN]}",
        remedy=f"{remedy}; words about a version go into its metadata.yaml and CARD.md",
    )


def _removed_record(view: ChangeView, change: Located, place: Place, moved: str) -> Violation:
    remedy = put_back(view, change.path)
    if moved:
        return Violation(
            f"{_name(place)} is published, and this moves it: names of versions are permanent",
            path=change.path,
            place=(1, 1),
            found=named(moved),
            expected=named(change.path),
            remedy=f"{remedy}; an equal version elsewhere says `same_as: {_name(place)}`",
        )
    return Violation(
        f"{_name(place)} is published, and this deletes it",
        path=change.path,
        place=(1, 1),
        expected="a version that stays; its state may change",
        remedy=f"{remedy}; then: registry withdraw {_name(place)} --reason TEXT",
    )


def _removed_pointer(view: ChangeView, change: Located, place: Place) -> Iterator[Violation]:
    if state_of(version_of(view.head, place)) == "erased":
        return
    yield Violation(
        f"the pointer {_file(place, change.path)} is published, and this deletes it",
        path=change.path,
        place=(1, 1),
        expected="a pointer that goes only when its version is erased",
        remedy=f"{put_back(view, change.path)}; or: registry erase {_name(place)} --reason TEXT",
    )


def _added_pointer(change: Located, place: Place) -> Violation:
    return Violation(
        f"{_name(place)} is published, and this adds the pointer {named(place.name)}.dvc to it",
        path=change.path,
        place=(1, 1),
        expected="the artifacts that the version was published with",
        remedy=f"{removal(change.path)}; then: registry version add {named(str(place.model))} --artifact PATH"
        " --framework TYPE",
    )


def _frozen(
    view: ChangeView, change: Located, place: Place, arrivals: Mapping[str, str]
) -> Iterator[Violation]:
    """What is wrong with a change to a record or pointer that is published."""
    if change.base is not None and change.head is not None:
        yield _edited(view, change, place, change.base, change.head)
    elif change.base is None:
        yield _added_pointer(change, place)
    elif place.kind == "version":
        moved = arrivals.get(change.base.oid) or arrivals.get(_identity(view.base, change), "")
        yield _removed_record(view, change, place, moved)
    else:
        yield from _removed_pointer(view, change, place)


def records_are_frozen(view: ChangeView) -> Iterator[Violation]:
    """The ``version.yaml`` and the ``.dvc`` pointers of a published version stay as they are, byte for byte.

    Who fetched a version yesterday gets the same one tomorrow, and a signature over it stays good. So nothing of it is
    changed, moved, deleted or added later, and its files keep their modes. What is on a branch of one's own is not
    published yet. The pointers go when the version is erased.

    Mend it: put the files back with the command of the finding, and add a new version; ``registry withdraw`` takes a
    bad one out of service.

    Example:
        ``git revert`` of the commit that added version 4, after it was merged.
    """
    arrivals = _arrivals(view) if any(change.removed for change in view.changes) else {}
    for change in view.changes:
        place = change.place
        # Without a published record the version is new, or the change mends it.
        if place is None or record_entry(view.base, place) is None:
            continue
        if place.kind in {"version", "dvc"}:
            yield from _frozen(view, change, place, arrivals)


def _again(view: ChangeView, change: Located, place: Place) -> str:
    from registry_tool.promotion.commands import adding

    document = view.base.document(change.path, place)
    return adding(_name(place), "" if document is None else text(document.data, "kind"))


def evidence_is_kept(view: ChangeView) -> Iterator[Violation]:
    """Evidence is added, and never changed, moved or deleted.

    An approval or a score was the ground on which somebody decided. It must be readable for as long as the decision is,
    also when it turns out to be wrong: then newer evidence says so.

    Mend it: put the file back with the command of the finding, and add new evidence with ``registry evidence add``.

    Example:
        ``evidence/holdout.yaml`` said ``verdict: fail``, and a change makes it say ``pass``.
    """
    for change in view.changes:
        place = change.place
        if place is None or place.kind != "evidence" or change.added:
            continue
        does = "deletes" if change.removed else "changes"
        yield Violation(
            f"the evidence {named(place.name)} of {_name(place)} is published, and this {does} it",
            path=change.path,
            place=(1, 1),
            expected="evidence that is only added to",
            remedy=f"{put_back(view, change.path)}; then: {_again(view, change, place)}",
        )


RULES: tuple[Rule, ...] = (
    ChangeRule("C401", "a published version stays as it is", "refuse", records_are_frozen),
    ChangeRule("C411", "evidence is only added", "refuse", evidence_is_kept),
)
