"""Rules about the life cycle of versions and models: transitions of states, and the end of a model."""

from __future__ import annotations

from collections.abc import Iterator

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.resolve import FOLLOWING, may_follow
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
)
from registry_tool.manifests.data import Data, text
from registry_tool.manifests.layout import Place

__all__ = ["RULES"]


def _following(state: str) -> str:
    found = sorted(FOLLOWING.get(state, ()))
    return f"{state}, or a change to {' or '.join(found)}" if found else f"{state}, permanently"


def _wrong_way(
    view: ChangeView, change: Located, place: Place, before: str, after: str
) -> Violation:
    return Violation(
        f"{format_name(f'{place.model}@{place.version}')} is {before} and cannot become {after}",
        path=change.path,
        at=("state",),
        found=after,
        expected=_following(before),
        remedy=f"{put_back(view, change.path)}; then: registry version add {format_name(str(place.model))} --artifact PATH --framework TYPE",
    )


def _without_reason(change: Located, place: Place, before: str, after: str) -> Violation:
    return Violation(
        f"{format_name(f'{place.model}@{place.version}')} changes from {before} to {after} without a reason",
        path=change.path,
        at=("state",),
        found="no status.yaml" if change.removed else "no `reason`",
        expected=f"`state: {after}` and a `reason`",
        remedy=f"write `state: {after}` and a `reason` in status.yaml",
    )


def _passage(view: ChangeView, change: Located, place: Place) -> Iterator[Violation]:
    version = find_version(view.head, place)
    before, after = find_state(find_version(view.base, place)), find_state(version)
    if not before or not after or before == after:
        return
    status = None if version is None else version.status
    if not may_follow(before, after):
        yield _wrong_way(view, change, place, before, after)
    elif status is None or not text(status.data, "reason"):
        yield _without_reason(change, place, before, after)


def states_follow(view: ChangeView) -> Iterator[Violation]:
    """A version's state may only change along the allowed transitions, and with a reason.

    ``active`` and ``deprecated`` can change to each other, to ``withdrawn`` and to ``erased``; ``withdrawn`` only to
    ``erased``; ``erased`` is final. Users must be able to rely on a withdrawal. Without ``status.yaml`` a version is active,
    so deleting that file is a transition too.

    How to fix: use ``registry deprecate``, ``registry withdraw`` and ``registry erase``; add a version that was withdrawn by
    mistake again as a new version with ``same_as``.

    Example:
        ``status.yaml`` of a withdrawn version is deleted, and production could serve it again.
    """
    for change in view.changes:
        place = change.place
        if place is None or place.kind != "status" or record_entry(view.base, place) is None:
            continue
        yield from _passage(view, change, place)


def _record(catalog: Catalog, place: Place) -> Data | None:
    """The data of ``model.yaml``; None where it is missing or cannot be read."""
    model = None if place.model is None else catalog.model(place.model)
    return None if model is None or model.document is None else model.document.data


def _end(record: Data | None) -> str:
    """How a model ended, in words; empty for a live one."""
    if moved := text(record, "moved_to"):
        return f"moved to {moved}"
    return "archived" if text(record, "state") == "archived" else ""


def _late_version(view: ChangeView, change: Located, place: Place) -> Iterator[Violation]:
    record = _record(view.base, place)
    end, moved = _end(record), text(record, "moved_to")
    if end:
        yield Violation(
            f"{format_name(str(place.model))} is {end} and accepts no new versions",
            path=change.path,
            place=(1, 1),
            found=format_name(f"{place.model}@{place.version}"),
            expected="no new versions of an archived or moved model",
            remedy=f"registry version add {moved} --artifact PATH --framework TYPE"
            if moved
            else "first merge a separate change that sets `state: live` in model.yaml",
        )


def _moved_on(view: ChangeView, change: Located, place: Place) -> Iterator[Violation]:
    was, after = text(_record(view.base, place), "moved_to"), _record(view.head, place)
    becomes = text(after, "moved_to")
    if was and after is not None and becomes != was:
        yield Violation(
            f"{format_name(str(place.model))} has moved to {was} permanently",
            path=change.path,
            at=("moved_to",) if becomes else (),
            found=becomes or "no `moved_to`",
            expected=f"moved_to: {was}",
            remedy=f"write `moved_to: {was}`; if that model moves, set its own `moved_to`",
        )


def ended_models_rest(view: ChangeView) -> Iterator[Violation]:
    """An archived or moved model accepts no new versions, and ``moved_to`` does not change once it is set.

    Readers were sent to another model and will not find a version that is added later. The published state decides: one
    change cannot both restore a model and add a version to it.

    How to fix: add the version to the model that ``moved_to`` names. To restore an archived model, merge a separate
    change that sets ``state: live``.

    Example:
        ``nlp/lang-id`` moved to ``nlp/lang-detect`` while a pull request with ``nlp/lang-id@5`` was open.
    """
    for change in view.changes:
        place = change.place
        if place is None:
            continue
        if place.kind == "version" and change.added:
            yield from _late_version(view, change, place)
        elif place.kind == "model" and change.edited:
            yield from _moved_on(view, change, place)


def ends_are_seen(view: ChangeView) -> Iterator[Violation]:
    """Archiving, moving or restoring a model must be reviewed by a person.

    Archiving a model blocks everyone who wants to add a version to it, and ``moved_to`` cannot be undone. So neither is
    merged automatically, unlike an edit of a description.

    How to fix: nothing to fix; an owner of the namespace must review it.

    Example:
        ``state: archived`` is added to a ``model.yaml``.
    """
    for change in view.changes:
        place = change.place
        if place is None or place.kind != "model" or not change.edited:
            continue
        after = _record(view.head, place)
        was, becomes = _end(_record(view.base, place)), _end(after)
        if after is not None and was != becomes:
            yield Violation(
                f"{format_name(str(place.model))} changes from {was or 'live'} to {becomes or 'live'}",
                path=change.path,
                at=("moved_to",) if "moved_to" in after else ("state",),
                remedy="an owner of the namespace must review it",
            )


RULES: tuple[Rule, ...] = (
    ChangeRule("C402", "a state changes only along allowed transitions", "refuse", states_follow),
    ChangeRule(
        "C405", "an archived or moved model accepts no versions", "refuse", ended_models_rest
    ),
    ChangeRule("C414", "the end of a model is reviewed", "review", ends_are_seen),
)
