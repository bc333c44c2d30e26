"""Rules about what tags and aliases point at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from registry_tool.catalog.index import USABLE, ModelView, VersionView
from registry_tool.checks.rule import Hit, ModelRule, Rule
from registry_tool.checks.rules.wording import named, removal
from registry_tool.manifests.data import text

__all__ = ["RULES"]

_SHOWN = 5


class _Pointer(NamedTuple):
    """A tag or alias that can be read; ``state`` is empty where the version's status cannot be."""

    name: str
    path: str
    wanted: str
    version: VersionView | None
    state: str


def _state(version: VersionView | None) -> str:
    if version is None or version.status is None:
        return "active"
    return text(version.status.data, "state")


def _pointers(model: ModelView, kind: str) -> Iterator[_Pointer]:
    names, document_of = (
        (model.aliases, model.alias) if kind == "alias" else (model.tags, model.tag)
    )
    for name in names:
        document = document_of(name)
        if document is not None and document.data is not None:
            wanted = text(document.data, "version")
            version = model.version(wanted)
            yield _Pointer(name, document.path, wanted, version, _state(version))


def _missing(model: ModelView, kind: str, pointer: _Pointer) -> Hit:
    known, more = model.versions[-_SHOWN:], len(model.versions) - _SHOWN
    names = ", ".join(named(v) for v in known) + (f" and {more} more" if more > 0 else "")
    target = f"{named(str(model.name))}@VERSION {named(pointer.name)}"
    # A tag never moves, so the one that names nothing goes first.
    anew = f"{removal(pointer.path)} && registry tag add {target}"
    return Hit(
        f"{kind} {named(pointer.name)} of {named(str(model.name))} names version {pointer.wanted}, which is not there",
        path=pointer.path,
        at=("version",),
        found=pointer.wanted,
        expected=f"one of {names}" if known else "a version",
        remedy=f"registry alias set {target}" if kind == "alias" else anew,
    )


def alias_is_usable(model: ModelView) -> Iterator[Hit]:
    """An alias must point at a version of its model that exists and is neither withdrawn nor erased.

    Programs are deployed by alias. One that leads nowhere, or to a version that was taken back, stops them.

    Mend it: ``registry alias set NAMESPACE/MODEL@VERSION ALIAS``, or ``registry alias rm`` before the version is
    withdrawn.

    Example:
        ``aliases/production.yaml`` says ``version: "7"``, and the highest version is 6.
    """
    for pointer in _pointers(model, "alias"):
        if pointer.version is None:
            yield _missing(model, "alias", pointer)
        elif pointer.state and pointer.state not in USABLE:
            yield Hit(
                f"alias {named(pointer.name)} of {named(str(model.name))} points at version {pointer.wanted}, "
                f"which is {pointer.state}",
                path=pointer.path,
                at=("version",),
                found=pointer.state,
                expected="a version that is active or deprecated",
                remedy=f"registry alias set {named(str(model.name))}@VERSION {named(pointer.name)}",
            )


def tag_has_target(model: ModelView) -> Iterator[Hit]:
    """A tag must point at a version of its model that exists and is not erased.

    A tag never moves, so it may outlive the use of a version: a withdrawn one keeps its tags. Of an erased one there
    is nothing left to name.

    Mend it: write a version that exists; a tag that is on the main branch stays as it is.

    Example:
        ``tags/v4-edge.yaml`` says ``version: "4"``, and there is no ``versions/4``.
    """
    for pointer in _pointers(model, "tag"):
        if pointer.version is None:
            yield _missing(model, "tag", pointer)
        elif pointer.state == "erased":
            yield Hit(
                f"tag {named(pointer.name)} of {named(str(model.name))} points at version {pointer.wanted}, which is erased",
                path=pointer.path,
                at=("version",),
                found="erased",
                expected="a version whose bytes are there",
                remedy="delete the tag in the change that erases the version",
            )


def _way_on(model: ModelView, pointer: _Pointer, instead: str) -> str:
    """The next step for an alias of a deprecated version; an alias cannot lead into another model."""
    name, alias = named(str(model.name)), named(pointer.name)
    if "/" in instead or "@" in instead:
        return f"move its users to {instead}; then: registry alias rm {name} {alias}"
    return f"registry alias set {name}@{instead or 'VERSION'} {alias}"


def alias_is_current(model: ModelView) -> Iterator[Hit]:
    """An alias should not stay on a deprecated version.

    It still works, and its users should move on; ``replaced_by`` in the version's ``status.yaml`` says where to.

    Mend it: ``registry alias set NAMESPACE/MODEL@VERSION ALIAS`` with an active version.

    Example:
        ``aliases/production.yaml`` points at version 3, which ``status.yaml`` calls deprecated.
    """
    for pointer in _pointers(model, "alias"):
        if pointer.state == "deprecated" and pointer.version is not None:
            status = pointer.version.status
            instead = text(status.data, "replaced_by") if status is not None else ""
            yield Hit(
                f"alias {named(pointer.name)} of {named(str(model.name))} "
                f"points at version {pointer.wanted}, which is deprecated",
                path=pointer.path,
                at=("version",),
                found="deprecated",
                expected=instead or "an active version",
                remedy=_way_on(model, pointer, instead),
            )


RULES: tuple[Rule, ...] = (
    ModelRule("M203", "an alias points at a usable version", "refuse", alias_is_usable),
    ModelRule("M204", "a tag points at a version that is there", "refuse", tag_has_target),
    ModelRule("M208", "an alias points at an active version", "warn", alias_is_current),
)
