"""Rules about unique values: external ids, and the identity of a version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from registry_tool.checks.rule import (
    RegistryRule,
    RegistryView,
    Rule,
    Violation,
    find_version,
    format_name,
)
from registry_tool.checks.uniqueness import UniqueValue
from registry_tool.errors import InvalidNameError
from registry_tool.manifests.data import Data, records, text
from registry_tool.names import Reference

__all__ = ["RULES"]


class _Equal(NamedTuple):
    """A version among those with one identity, sortable: the earliest first."""

    created_at: str
    path: str
    name: str
    model: str
    same_as: str


def _late(view: RegistryView, claims: list[UniqueValue]) -> tuple[UniqueValue, list[UniqueValue]]:
    """The claim that stands, and the others: what a change touches comes after what was there."""
    first, *others = sorted(claims, key=lambda one: (one.path not in view.claims.unchanged, one))
    return first, others


def _taken(claim: UniqueValue, first: UniqueValue, what: str) -> Violation:
    return Violation(
        f"the external id {format_name(claim.value)} is already used by another {what}",
        path=claim.path,
        at=claim.at,
        found=f"also in {format_name(first.path)}",
        expected="an id that is used once",
        remedy=f"write the id of this {what}, or delete the line",
    )


def _claimed_once(view: RegistryView, pool: str, what: str) -> Iterator[Violation]:
    for claims in view.claims.shared(pool):
        fields = [claim for claim in claims if claim.is_field]
        first, others = _late(view, fields) if fields else (claims[0], [])
        for claim in others:
            yield _taken(claim, first, what)


def subject_id_is_unique(view: RegistryView) -> Iterator[Violation]:
    """An ``external_id`` of a model or version must be unique in the registry.

    Another system looks up its model by that id, and must find exactly one.

    How to fix: write the id of this model or version, or omit the field.

    Example:
        Version 4, copied from version 3 with ``external_id: run-7f3a``.
    """
    yield from _claimed_once(view, "subject", "model or version")


def artifact_id_is_unique(view: RegistryView) -> Iterator[Violation]:
    """An ``external_id`` of an artifact must be unique in the registry.

    Another system looks up its artifact by that id, and must find exactly one. Ids of artifacts are separate from ids of
    models and versions.

    How to fix: write the id of this artifact, or omit the field.

    Example:
        Two artifacts of one version with ``external_id: blob-12``.
    """
    yield from _claimed_once(view, "artifact", "artifact")


def _is_deleted(view: RegistryView, claim: UniqueValue) -> bool:
    """True for the id of a deleted model or version, which is free."""
    place = view.catalog.layout.locate(claim.path)
    model = None if place is None or place.model is None else view.catalog.model(place.model)
    if place is None or model is None:
        return False
    version = find_version(view.catalog, place) if place.version else None
    return model.is_deleted or (version is not None and version.is_deleted)


def _kept_twice(view: RegistryView, pool: str, what: str) -> Iterator[Violation]:
    for claims in view.claims.shared(pool):
        if all(claim.is_field for claim in claims):
            continue
        living = [claim for claim in claims if not _is_deleted(view, claim)]
        first, others = _late(view, living) if living else (claims[0], [])
        for claim in others:
            if claim.has == first.has or (claim.is_field and first.is_field):
                continue
            yield _taken(claim, first, what)


def kept_id_is_unique(view: RegistryView) -> Iterator[Violation]:
    """An external id that is kept in the data of another protocol must be unique in the registry.

    Clients of other registries look up models, versions, experiments and artifacts by external ids of any form. An id that
    the field ``external_id`` does not accept, or that a published version got later, is kept in ``wire.yaml``, in an
    object, in evidence, or in the metadata of an artifact. Ids of artifacts are separate from all others, and ids of
    deleted models, versions and objects are free.

    How to fix: write the id of this model, version, artifact or object, or omit it.

    Example:
        ``versions/4/wire.yaml`` and ``versions/5/wire.yaml`` have ``kubeflow: {external_id: "run 7"}``.
    """
    yield from _kept_twice(view, "subject", "model, version or object")
    yield from _kept_twice(view, "artifact", "artifact")


def _equal(view: RegistryView, claim: UniqueValue) -> _Equal | None:
    """The version that has a value; None for a draft, and for one without artifacts, whose identity covers no content."""
    place = view.catalog.layout.locate(claim.path)
    if place is not None and place.is_draft:
        return None  # it says so when it is sealed
    document = None if place is None else view.catalog.document(claim.path, place)
    data: Data | None = None if document is None else document.data
    if place is None or data is None or not records(data, "artifacts"):
        return None
    name = f"{place.model}@{place.version}"
    created, same_as = text(data, "created_at"), text(data, "same_as")
    return _Equal(created, claim.path, name, str(place.model), same_as)


def _canonical(reference: str) -> str:
    try:
        return str(Reference.parse(reference))
    except InvalidNameError:
        return ""


def _equals(view: RegistryView) -> Iterator[list[_Equal]]:
    """The versions that share an identity, the earliest first."""
    for claims in view.claims.shared("identity"):
        yield sorted(e for e in (_equal(view, claim) for claim in claims) if e is not None)


def _find_undeclared(equal: _Equal, equals: list[_Equal]) -> Iterator[Violation]:
    others = [other.name for other in equals if other.name != equal.name]
    if not others or (equal.same_as and _canonical(equal.same_as) in others):
        return
    yield Violation(
        f"{equal.name} is identical to {others[0]}, but has no `same_as`",
        path=equal.path,
        at=("same_as",) if equal.same_as else ("identity",),
        found=equal.same_as or "no `same_as`",
        expected=f"same_as: {others[0]}",
        remedy=f'write `same_as: "{others[0]}"` if that is intended',
    )


def equals_are_declared(view: RegistryView) -> Iterator[Violation]:
    """A version with the identity of an earlier one of its model must name it in ``same_as``.

    Two versions with one identity give the same outputs. That may be intended, as when a model is measured again, or the
    same file may have been registered twice; ``same_as`` distinguishes the two. The rule skips versions without artifacts, and
    drafts until they are sealed.

    How to fix: add ``same_as: NAMESPACE/MODEL@VERSION`` to the later version, or do not add that version.

    Example:
        Version 5 has the files, framework and environment of version 4.
    """
    for equals in _equals(view):
        first: set[str] = set()
        for equal in equals:
            if equal.model in first:
                sisters = [e for e in equals if e.model == equal.model]
                declared = _canonical(equal.same_as) in {e.name for e in equals} - {equal.name}
                yield from () if declared else _find_undeclared(equal, sisters)
            first.add(equal.model)


def twins_are_known(view: RegistryView) -> Iterator[Violation]:
    """A version with the identity of an earlier one of another model should name it in ``same_as``.

    Teams that register the same download under different names evaluate and fix it twice. Only a check of the whole
    registry reports this, so that the cost of checking a change depends only on the change.

    How to fix: add ``same_as: NAMESPACE/MODEL@VERSION``, or use the other model.

    Example:
        ``vision/detector@1`` and ``edge/detector@1`` have the same file.
    """
    for equals in _equals(view) if view.complete else ():
        models = {equal.model for equal in equals[:1]}
        for equal in equals[1:]:
            if equal.model not in models:
                models.add(equal.model)
                yield from _find_undeclared(equal, [e for e in equals if e.model != equal.model])


RULES: tuple[Rule, ...] = (
    RegistryRule("R306", "an external id is unique", "refuse", subject_id_is_unique),
    RegistryRule("R307", "an artifact's external id is unique", "refuse", artifact_id_is_unique),
    RegistryRule("R308", "identical versions of a model say so", "refuse", equals_are_declared),
    RegistryRule("R312", "identical versions of two models say so", "warn", twins_are_known),
    RegistryRule(
        "R319", "an external id of another protocol is unique", "refuse", kept_id_is_unique
    ),
)
