"""Rules about frozen files: the record of a version, its pointers, and its evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.rule import (
    ChangeRule,
    ChangeView,
    Located,
    Rule,
    Violation,
    find_state,
    find_version,
    format_name,
    put_back,
    record_entry,
    removal,
)
from registry_tool.git.tree import Entry
from registry_tool.manifests.data import text
from registry_tool.manifests.layout import Place

__all__ = ["RULES"]

_SHOWN = 12


def _name(place: Place) -> str:
    return format_name(
        str(place.model) if place.version is None else f"{place.model}@{place.version}"
    )


def _file(place: Place, path: str) -> str:
    return f"{format_name(path.rpartition('/')[2])} of {_name(place)}"


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


def _check_edited(
    view: ChangeView, change: Located, place: Place, before: Entry, after: Entry
) -> Violation:
    file, remedy = _file(place, change.path), put_back(view, change.path)
    if before.oid == after.oid:
        return Violation(
            f"{file} is published; this change alters its mode",
            path=change.path,
            place=(1, 1),
            found=f"{after.mode:o}",
            expected=f"{before.mode:o}",
            remedy=remedy,
        )
    was, becomes = _identity(view.base, change), _identity(view.head, change)
    if was != becomes and becomes:
        return Violation(
            f"the identity of {_name(place)} changes without a new version",
            path=change.path,
            at=("identity",),
            found=becomes,
            expected=was,
            remedy=f"{remedy}; then: registry version add {format_name(str(place.model))} --artifact PATH --framework TYPE",
        )
    return Violation(
        f"{file} is published; this change edits it",
        path=change.path,
        place=(1, 1),
        expected=f"the published content, {before.oid[:_SHOWN]}",
        remedy=f"{remedy}; to describe a version, edit its metadata.yaml or CARD.md",
    )


def _removed_record(view: ChangeView, change: Located, place: Place, moved: str) -> Violation:
    remedy = put_back(view, change.path)
    target = view.head.layout.locate(moved) if moved else None
    if target is not None and target.is_draft:
        return Violation(
            f"{_name(place)} is published; this change makes it a draft again",
            path=change.path,
            place=(1, 1),
            found=format_name(moved),
            expected="a version stays sealed",
            remedy=remedy,
        )
    if moved:
        return Violation(
            f"{_name(place)} is published; this change moves it, but names of versions are permanent",
            path=change.path,
            place=(1, 1),
            found=format_name(moved),
            expected=format_name(change.path),
            remedy=f"{remedy}; for an equal version elsewhere, write `same_as: {_name(place)}`",
        )
    return Violation(
        f"{_name(place)} is published; this change deletes it",
        path=change.path,
        place=(1, 1),
        expected="the version is kept; only its state may change",
        remedy=f"{remedy}; then: registry withdraw {_name(place)} --reason TEXT",
    )


def _removed_pointer(view: ChangeView, change: Located, place: Place) -> Iterator[Violation]:
    if find_state(find_version(view.head, place)) == "erased":
        return
    yield Violation(
        f"the pointer {_file(place, change.path)} is published; this change deletes it",
        path=change.path,
        place=(1, 1),
        expected="pointers are deleted only when their version is erased",
        remedy=f"{put_back(view, change.path)}; or: registry erase {_name(place)} --reason TEXT",
    )


def _added_pointer(change: Located, place: Place) -> Violation:
    return Violation(
        f"{_name(place)} is published; this change adds the pointer {format_name(place.name)}.dvc to it",
        path=change.path,
        place=(1, 1),
        expected="only the artifacts that the version was published with",
        remedy=f"{removal(change.path)}; then: registry version add {format_name(str(place.model))} --artifact PATH"
        " --framework TYPE",
    )


def _frozen(
    view: ChangeView, change: Located, place: Place, arrivals: Mapping[str, str]
) -> Iterator[Violation]:
    """Find errors of a change to a published record or pointer."""
    if change.base is not None and change.head is not None:
        yield _check_edited(view, change, place, change.base, change.head)
    elif change.base is None:
        yield _added_pointer(change, place)
    elif place.kind == "version":
        moved = arrivals.get(change.base.oid) or arrivals.get(_identity(view.base, change), "")
        yield _removed_record(view, change, place, moved)
    else:
        yield from _removed_pointer(view, change, place)


def records_are_frozen(view: ChangeView) -> Iterator[Violation]:
    """The ``version.yaml`` and the ``.dvc`` pointers of a published version must not change.

    A version that was fetched yesterday must be the same tomorrow, and signatures of it must stay valid. So its files and
    their modes are not edited, moved, deleted or added to. Files on your own branch are not published yet. The pointers
    are deleted when the version is erased.

    How to fix: restore the files with the command in the finding, and add a new version; ``registry withdraw`` takes a
    bad one out of service.

    Example:
        ``git revert`` of the commit that added version 4, after it was merged.
    """
    arrivals = _arrivals(view) if any(change.removed for change in view.changes) else {}
    for change in view.changes:
        place = change.place
        # Without a published record the version is new, or the change repairs it.
        if place is None or record_entry(view.base, place) is None:
            continue
        if place.kind in {"version", "dvc"}:
            yield from _frozen(view, change, place, arrivals)


def _again(view: ChangeView, change: Located, place: Place) -> str:
    from registry_tool.promotion.commands import adding

    document = view.base.document(change.path, place)
    return adding(_name(place), "" if document is None else text(document.data, "kind"))


def evidence_is_kept(view: ChangeView) -> Iterator[Violation]:
    """Evidence is add-only: it is never edited, moved or deleted.

    Someone made a decision based on an approval or a score. It must stay readable as long as the decision, even if it
    turns out to be wrong: then add newer evidence.

    How to fix: restore the file with the command in the finding, and add new evidence with ``registry evidence add``.

    Example:
        ``evidence/holdout.yaml`` said ``verdict: fail``, and a change makes it say ``pass``.
    """
    for change in view.changes:
        place = change.place
        if place is None or place.kind != "evidence" or change.added:
            continue
        does = "deletes" if change.removed else "edits"
        yield Violation(
            f"the evidence {format_name(place.name)} of {_name(place)} is published; this change {does} it",
            path=change.path,
            place=(1, 1),
            expected="evidence is add-only",
            remedy=f"{put_back(view, change.path)}; then: {_again(view, change, place)}",
        )


RULES: tuple[Rule, ...] = (
    ChangeRule("C401", "a published version does not change", "refuse", records_are_frozen),
    ChangeRule("C411", "evidence is add-only", "refuse", evidence_is_kept),
)
