"""Rules about drafts: the names that are reserved for them, and what becomes of these when they are sealed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Final

from registry_tool.catalog.catalog import ModelView, VersionView
from registry_tool.catalog.stage_names import stages_written
from registry_tool.checks.rule import (
    ChangeRule,
    ChangeView,
    Located,
    ModelRule,
    RegistryRule,
    RegistryView,
    Rule,
    Violation,
    find_version,
    format_name,
)
from registry_tool.manifests.data import text
from registry_tool.manifests.problems import JSONPath
from registry_tool.names import fold
from registry_tool.versioning import looks_like_version

__all__ = ["RULES"]

_SOON: Final = dt.timedelta(days=1)
_Reserved = tuple[str, str, JSONPath]
# Object ids of the folders of drafts that reserve nothing, which nearly all do: a client that adds thousands of versions has as
# many drafts until they are sealed, and each change of the model would read all of them.
_RESERVE_NOTHING: Final[dict[str, None]] = {}
_MOST_KEPT: Final = 100_000


def _drafts(model: ModelView) -> list[VersionView]:
    return [*filter(None, map(model.draft, model.drafts))]


def _reserving_drafts(model: ModelView) -> list[VersionView]:
    """The drafts that reserve a name, in the order of their names."""
    entries = model.catalog.tree.folder(f"{model.folder}/drafts")
    found = []
    for name in model.drafts:
        folder = entries[name].oid
        draft = None if folder in _RESERVE_NOTHING else model.draft(name)
        if draft is None:
            continue
        if draft.reserved_tags or draft.reserved_aliases:
            found.append(draft)
        elif folder:
            if len(_RESERVE_NOTHING) >= _MOST_KEPT:
                _RESERVE_NOTHING.clear()
            _RESERVE_NOTHING[folder] = None
    return found


def _reserved(draft: VersionView) -> Iterator[_Reserved]:
    """The names that a draft reserves: ``tag`` or ``alias``, the name, and its place in ``draft.yaml``."""
    for kind, names in (("tag", draft.reserved_tags), ("alias", draft.reserved_aliases)):
        for number, name in enumerate(names):
            yield kind, name, ("tags" if kind == "tag" else "aliases", number)


def _holders(model: ModelView) -> dict[str, str]:
    """The names that no draft can reserve, and why not."""
    subject = format_name(str(model.name))
    held = (("tag", model.tags), ("version", model.versions), ("draft", model.drafts))
    return {
        fold(name): f"but {subject} has a {kind} of that name"
        for kind, names in held
        for name in names
    }


def _not_free(
    model: ModelView, kind: str, name: str, taken: Mapping[str, str], aliases: frozenset[str]
) -> str:
    """Why a name cannot be reserved; empty where it can."""
    if why := taken.get(fold(name)):
        return why
    if kind == "tag" and fold(name) in aliases:
        return f"but {format_name(str(model.name))} has an alias of that name"
    if kind == "tag" and fold(name) in stages_written(model.catalog, model.name.namespace):
        return "which is a stage, and only an alias can have that name"
    if looks_like_version(model.scheme, name):
        return f"which has the form of a version of the scheme {model.scheme}"
    return ""


def reserved_names_are_free(model: ModelView) -> Iterator[Violation]:
    """A name that a draft reserves must be one that its version can get.

    A draft may reserve tags and aliases, in ``draft.yaml``; they are written when it is sealed. A tag must not exist, and
    an alias may exist: then sealing moves it. No two drafts can reserve one name, because only one version would get it.

    How to fix: choose another name, or delete it from ``draft.yaml``.

    Example:
        ``drafts/5/draft.yaml`` says ``tags: [v5-edge]``, and ``tags/v5-edge.yaml`` exists.
    """
    drafts = _reserving_drafts(model)
    if not drafts:
        return
    taken, aliases = _holders(model), frozenset(map(fold, model.aliases))
    for draft in drafts:
        subject, path = format_name(str(draft)), f"{draft.folder}/draft.yaml"
        for kind, name, at in _reserved(draft):
            why = _not_free(model, kind, name, taken, aliases)
            taken.setdefault(
                fold(name), f"which draft {format_name(draft.version)} reserves already"
            )
            if why:
                yield Violation(
                    f"draft {subject} reserves the {kind} {format_name(name)}, {why}",
                    path=path,
                    at=at,
                    found=format_name(name),
                    expected="a name that its version can get",
                    remedy=f"choose another {kind}, or delete it from {path}",
                )


def _reserving(model: ModelView, name: str) -> VersionView | None:
    """The draft that a name is reserved for."""
    folded = fold(name)
    return next(
        (
            d
            for d in _reserving_drafts(model)
            for _, other, _ in _reserved(d)
            if fold(other) == folded
        ),
        None,
    )


def reserved_aliases_wait(view: ChangeView) -> Iterator[Violation]:
    """A change must not create an alias whose name is reserved for a draft.

    The name was promised to the version that the draft becomes, and clients already see it there. An alias that exists may
    move, even if a draft reserves it.

    How to fix: seal the draft, which sets the alias; or choose another alias.

    Example:
        ``drafts/5/draft.yaml`` reserves ``candidate``, and a pull request adds ``aliases/candidate.yaml`` for version 4.
    """
    for change in view.changes:
        place = change.place
        if place is None or place.kind != "alias" or not change.added or place.model is None:
            continue
        model = view.head.model(place.model)
        draft = None if model is None else _reserving(model, place.name)
        if draft is not None:
            yield Violation(
                f"alias {format_name(f'{place.model}@{place.name}')} is reserved for draft {format_name(draft.version)}",
                path=change.path,
                place=(1, 1),
                expected="an alias that no draft reserves",
                remedy=f"seal the draft: registry seal {format_name(str(draft))}; or choose another alias",
            )


def _sealed(view: ChangeView) -> Iterator[tuple[Located, VersionView, VersionView]]:
    """The records that a change seals, with the draft as it was and the version."""
    for change in view.changes:
        place = change.place
        if place is None or place.kind != "version" or place.is_draft or not change.added:
            continue
        draft = find_version(view.base, place._replace(is_draft=True))
        version = find_version(view.head, place)
        if draft is not None and version is not None:
            yield change, draft, version


def _lost_names(draft: VersionView, version: VersionView) -> Iterator[str]:
    model = version.model
    for kind, name, _ in _reserved(draft):
        document = model.tag(name) if kind == "tag" else model.alias(name)
        if document is None or text(document.data, "version") != version.version:
            yield f"the {kind} {format_name(name)}"


def sealed_with_its_names(view: ChangeView) -> Iterator[Violation]:
    """A version should get the tags and aliases that its draft reserved.

    Clients saw these names on the draft and may use them. Dropping one needs a person who knows why.

    How to fix: add the tag or set the alias in the same change; ``registry seal`` does that. To drop a name, first delete
    it from ``draft.yaml``.

    Example:
        a pull request moves ``drafts/5`` to ``versions/5``, and does not add the reserved ``tags/v5-edge.yaml``.
    """
    for change, draft, version in _sealed(view):
        lost = list(_lost_names(draft, version))
        if lost:
            yield Violation(
                f"{format_name(str(version))} is sealed without {', '.join(lost)}, reserved by its draft",
                path=change.path,
                place=(1, 1),
                expected="every name that draft.yaml reserves",
                remedy="add the missing files, or move the draft back and run: "
                f"registry seal {format_name(str(version))}",
            )


def drafts_are_finished(view: RegistryView) -> Iterator[Violation]:
    """A draft should get its model within a day.

    A client that registered a version and failed before it uploaded the model leaves a draft. It reserves its name and
    number, and time does not seal it. Only a check of the whole registry reports this, such as the nightly one.

    How to fix: add the model and seal the draft, or delete it with ``registry delete``; ``registry list --drafts`` lists
    all drafts.

    Example:
        ``drafts/5/version.yaml`` of last week has no artifact of role ``model``.
    """
    for claim in sorted(view.claims.of_pool("unfinished")) if view.complete else ():
        place = view.catalog.layout.locate(claim.path)
        try:
            created = dt.datetime.fromisoformat(claim.value)
        except ValueError:
            continue  # 2026-02-30: F103 reports it
        if place is None or view.now - created < _SOON:
            continue
        subject = format_name(f"{place.model}@{place.version}")
        yield Violation(
            f"draft {subject} has no model, and was created on {claim.value[:10]}",
            path=claim.path,
            at=claim.at,
            expected="an artifact of role model within a day",
            remedy=f"registry delete {subject} --reason TEXT; or add the model, then: registry seal {subject}",
        )


RULES: tuple[Rule, ...] = (
    ModelRule("M223", "reserved names of drafts are free", "refuse", reserved_names_are_free),
    RegistryRule("R317", "a draft gets its model", "warn", drafts_are_finished),
    ChangeRule("C425", "no alias takes a reserved name", "refuse", reserved_aliases_wait),
    ChangeRule("C427", "a sealed version has its reserved names", "review", sealed_with_its_names),
)
