"""Rules about the life of versions and models: which state follows which, and what an ended model still takes."""

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
    named,
    put_back,
    record_entry,
    state_of,
    version_of,
)
from registry_tool.manifests.data import Data, text
from registry_tool.manifests.layout import Place

__all__ = ["RULES"]


def _following(state: str) -> str:
    found = sorted(FOLLOWING.get(state, ()))
    return f"{state}, or {' or '.join(found)} after it" if found else f"{state}, for good"


def _wrong_way(
    view: ChangeView, change: Located, place: Place, before: str, after: str
) -> Violation:
    return Violation(
        f"{named(f'{place.model}@{place.version}')} is {before}, and cannot become {after}",
        path=change.path,
        at=("state",),
        found=after,
        expected=_following(before),
        remedy=f"{put_back(view, change.path)}; then: registry version add {named(str(place.model))} --artifact PATH --framework TYPE",
    )


def _without_reason(change: Located, place: Place, before: str, after: str) -> Violation:
    return Violation(
        f"{named(f'{place.model}@{place.version}')} was {before}, and becomes {after} without a reason",
        path=change.path,
        at=("state",),
        found="no status.yaml" if change.removed else "no `reason`",
        expected=f"`state: {after}` and a `reason`",
        remedy=f"write `state: {after}` and why into status.yaml",
    )


def _passage(view: ChangeView, change: Located, place: Place) -> Iterator[Violation]:
    version = version_of(view.head, place)
    before, after = state_of(version_of(view.base, place)), state_of(version)
    if not before or not after or before == after:
        return
    status = None if version is None else version.status
    if not may_follow(before, after):
        yield _wrong_way(view, change, place, before, after)
    elif status is None or not text(status.data, "reason"):
        yield _without_reason(change, place, before, after)


def states_follow(view: ChangeView) -> Iterator[Violation]:
    """A version's state may only pass to one that follows it, and with a reason.

    ``active`` and ``deprecated`` pass to each other, to ``withdrawn`` and to ``erased``; ``withdrawn`` only to ``erased``;
    ``erased`` to nothing. Whoever was told that a version was taken away may rely on it. Without ``status.yaml`` a version
    is active, so deleting that file is a passage too.

    Mend it: ``registry deprecate``, ``registry withdraw`` and ``registry erase`` make the passages there are; what was
    withdrawn by mistake comes back as a new version with ``same_as``.

    Example:
        ``status.yaml`` of a withdrawn version is deleted, and production could serve it again.
    """
    for change in view.changes:
        place = change.place
        if place is None or place.kind != "status" or record_entry(view.base, place) is None:
            continue
        yield from _passage(view, change, place)


def _record(catalog: Catalog, place: Place) -> Data | None:
    """What ``model.yaml`` says; None where there is none, or it cannot be read."""
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
            f"{named(str(place.model))} is {end}, and takes no new versions",
            path=change.path,
            place=(1, 1),
            found=named(f"{place.model}@{place.version}"),
            expected="no version after the end of a model",
            remedy=f"registry version add {moved} --artifact PATH --framework TYPE"
            if moved
            else "a change of its own that says `state: live` in model.yaml comes first",
        )


def _moved_on(view: ChangeView, change: Located, place: Place) -> Iterator[Violation]:
    was, after = text(_record(view.base, place), "moved_to"), _record(view.head, place)
    becomes = text(after, "moved_to")
    if was and after is not None and becomes != was:
        yield Violation(
            f"{named(str(place.model))} has moved to {was}, and that is for good",
            path=change.path,
            at=("moved_to",) if becomes else (),
            found=becomes or "no `moved_to`",
            expected=f"moved_to: {was}",
            remedy=f"write `moved_to: {was}`; where that model moves on, its own `moved_to` says so",
        )


def ended_models_rest(view: ChangeView) -> Iterator[Violation]:
    """A model that is archived or has moved takes no new versions, and ``moved_to`` stays as it was set.

    Readers were sent elsewhere; a version that appears behind them is found by nobody, or by those who did not listen.
    What is published decides: a change cannot bring a model back and add to it in one.

    Mend it: add the version to the model that ``moved_to`` names. An archived model comes back by a change of its own
    that says ``state: live``.

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
    """The end of a model, and its return, need the eyes of a person.

    Archiving a model stops everybody who wants to add a version to it, and ``moved_to`` cannot be taken back. So neither
    merges by itself, as an edit of words may.

    Mend it: nothing to mend; an owner of the namespace reviews it.

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
                f"{named(str(place.model))} was {was or 'live'}, and is {becomes or 'live'} after this",
                path=change.path,
                at=("moved_to",) if "moved_to" in after else ("state",),
                remedy="an owner of the namespace reviews it",
            )


RULES: tuple[Rule, ...] = (
    ChangeRule("C402", "a state is followed by one that may follow it", "refuse", states_follow),
    ChangeRule("C405", "an ended model takes no versions", "refuse", ended_models_rest),
    ChangeRule("C414", "the end of a model is seen", "review", ends_are_seen),
)
