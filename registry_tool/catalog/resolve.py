"""From a reference to one version: the question a serving process asks.

The life of a version: its states, and which may follow which. The commands and the rules read this one table.

Nothing leads out of ``withdrawn`` but ``erased``: who took a version away was told why, and may not find it served
again. Nothing leads out of ``erased``: its bytes are gone.

Which commit gives an answer: what a program that reads a work tree may write down and ask again.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import USABLE, Catalog, ModelView, VersionView, require
from registry_tool.errors import (
    DraftError,
    NotFoundError,
    RegistryError,
    VersionNotNamedError,
    WithdrawnError,
)
from registry_tool.manifests.data import text
from registry_tool.names import LATEST, UNNAMED, ModelName, Reference
from registry_tool.versioning import is_prerelease, order_key

__all__ = [
    "FOLLOWING",
    "Resolved",
    "find_draft",
    "find_model",
    "in_order",
    "is_same_answer",
    "latest",
    "may_follow",
    "resolve",
]

_SUGGESTIONS = 3


class Resolved(NamedTuple):
    """What a reference means.

    Attributes:
        reference: The question.
        version: The answer.
        via: ``version``, ``tag``, ``alias`` or ``latest``.
        state: The version's state.
        notes: What the caller should know: deprecated, moved, pinned.
    """

    reference: Reference
    version: VersionView
    via: str
    state: str
    notes: tuple[str, ...] = ()


def _nearest(name: str, known: list[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, known, n=_SUGGESTIONS, cutoff=0.5)
    return "did you mean " + ", ".join(close) + "?" if close else ""


def find_model(catalog: Catalog, name: ModelName) -> ModelView:
    """The model of a name.

    Raises:
        NotFoundError: There is none; the remedy names near ones.
    """
    model = catalog.model(name)
    if model is not None:
        return model
    near = _nearest(str(name), [str(n) for n in catalog.model_names(name.namespace)])
    if not near and name.namespace not in catalog.namespaces():
        near = _nearest(str(name), [str(n) for n in catalog.model_names()])
    raise NotFoundError(
        f"model {name} does not exist", remedy=near or "list the models: registry list"
    )


def in_order(model: ModelView) -> list[str]:
    """The versions of a model, lowest first by its scheme; ``free`` ones by ``created_at``."""
    scheme = model.scheme
    if scheme != "free":
        return sorted(model.versions, key=lambda v: order_key(scheme, v))

    def read_created(version: str) -> str:
        view = model.version(version)
        document = None if view is None else view.document
        return "" if document is None else text(document.data, "created_at")

    return sorted(model.versions, key=lambda v: order_key(scheme, v, read_created(v)))


def _nothing_latest(model: ModelView, prereleases: list[VersionView]) -> NotFoundError:
    """Why ``latest`` means nothing, by what the model has instead."""
    if model.is_deleted:
        why = "" if model.deletion is None else text(model.deletion.data, "reason")
        return NotFoundError(
            ": ".join(filter(None, [f"{model.name} is deleted", why])),
            remedy=f"its records stay: registry list {model.name} --all",
        )
    if prereleases:
        newest = prereleases[0]
        only = all(is_prerelease(model.scheme, version) for version in model.versions)
        what = "only pre-releases" if only else "no active release"
        return NotFoundError(
            f"{model.name} has {what}; latest skips pre-releases, and the newest is {newest.version}",
            remedy=f"registry resolve {newest}",
        )
    if model.versions:
        return NotFoundError(
            f"{model.name} has no active version; latest skips deprecated, withdrawn and erased versions",
            remedy=f"registry show {model.name}",
        )
    if model.drafts:
        return NotFoundError(
            f"{model.name} has only drafts, which are not served before they are sealed",
            remedy=f"list them: registry list --drafts; then: registry seal {model.name}@{model.drafts[-1]}",
        )
    return NotFoundError(
        f"{model.name} has no versions yet",
        remedy=f"registry version add {model.name} --artifact PATH --framework TYPE",
    )


def latest(model: ModelView) -> VersionView:
    """The highest version that is active and no pre-release.

    Raises:
        NotFoundError: The model has no such version; the message says what it has, and the remedy how to refer to that.
        InvalidManifestError: The ``model.yaml`` is of a later schema, so its version scheme is unknown.
    """
    document = model.document
    if document is not None and any(one.code == "schema-version" for one in document.problems):
        require(document, str(model.name))
    prereleases: list[VersionView] = []
    for version in reversed(in_order(model)):
        view = model.version(version)
        if view is None or view.state != "active":
            continue
        if not is_prerelease(model.scheme, version):
            return view
        prereleases.append(view)
    raise _nothing_latest(model, prereleases)


def _stage_notes(view: VersionView, selector: str) -> tuple[str, ...]:
    """What to say of a tag, or a version, that has the name of a stage; most have none.

    Raises:
        NotFoundError: The stage has gates, and a tag never passed them.
    """
    from registry_tool.catalog.stage_names import is_gated, stages_written  # an alias needs none

    model = view.model
    stage = stages_written(model.catalog, model.name.namespace).get(selector)
    if stage is None:
        return ()
    if selector != view.version and is_gated(stage):
        raise NotFoundError(
            f"no version of {model.name} is in the stage {selector}; the tag {selector} names version {view.version},"
            " which passed no gate",
            remedy=f"registry show {view}",
        )
    what = "version" if selector == view.version else "tag"
    return (f"{selector} is a stage, but this is a {what}, which never moves; use {view}",)


def _pointed_at(model: ModelView, selector: str) -> tuple[VersionView, str, tuple[str, ...]] | None:
    """The version that an alias or a tag names."""
    for kind, document in (("alias", model.alias(selector)), ("tag", model.tag(selector))):
        if document is None:
            continue
        data = require(document, f"{model.name}@{selector}")
        view = model.version(text(data, "version"))
        if view is None:
            raise NotFoundError(
                f"{kind} {selector} of {model.name} names version {text(data, 'version')}, which does not exist",
                remedy="registry check --all",
            )
        if kind == "tag":
            return view, kind, _stage_notes(view, selector)
        notes = ("pinned: automatic promotion skips it",) if data.get("pinned") else ()
        return view, kind, notes
    return None


def find_draft(catalog: Catalog, reference: Reference) -> VersionView | None:
    """The draft that a reference names by its version; None for a version, an alias, a tag or ``latest``.

    Raises:
        NotFoundError: There is no such model.
    """
    model, selector = find_model(catalog, reference.model), reference.selector
    if selector in {LATEST, UNNAMED} or model.version(selector) is not None:
        return None
    return model.draft(selector)


def _draft_error(draft: VersionView, name: str = "") -> DraftError:
    what = f"{draft} is a draft" if not name else f"{name} is reserved for the draft {draft}"
    return DraftError(
        f"{what}, which is not served before it is sealed", remedy=f"registry seal {draft}"
    )


def _check_not_a_draft(model: ModelView, selector: str) -> None:
    draft = model.draft(selector)
    if draft is not None:
        raise _draft_error(draft)
    for draft in filter(None, map(model.draft, model.drafts)):
        if selector in (*draft.reserved_tags, *draft.reserved_aliases):
            raise _draft_error(draft, selector)


def _select(model: ModelView, selector: str) -> tuple[VersionView, str, tuple[str, ...]]:
    if selector == LATEST:
        return latest(model), "latest", ()
    if selector == UNNAMED:
        raise VersionNotNamedError(str(model.name), latest(model).version)
    view = model.version(selector)
    if view is not None:
        # In no other scheme can a version be called as a stage.
        return view, "version", _stage_notes(view, selector) if model.scheme == "free" else ()
    found = _pointed_at(model, selector)
    if found is not None:
        return found
    _check_not_a_draft(model, selector)
    near = _nearest(selector, [*model.versions, *model.aliases, *model.tags])
    raise NotFoundError(
        f"{model.name} has no version, tag or alias {selector}",
        remedy=near or f"list its versions: registry show {model.name}",
    )


def _notes(resolved: VersionView, state: str) -> tuple[str, ...]:
    status = resolved.status
    data = None if status is None else status.data
    notes = []
    if state != "active":
        words = [f"{resolved} is {state}", text(data, "reason")]
        instead = text(data, "replaced_by")
        notes.append(": ".join(w for w in words if w) + (f"; use {instead}" if instead else ""))
    if state == "deleted" and resolved.deletion is not None:
        notes = [
            ": ".join(
                filter(None, [f"{resolved} is deleted", text(resolved.deletion.data, "reason")])
            )
        ]
    if resolved.model.title:
        notes += _title_notes(resolved.model)
    moved = text(resolved.model.document.data, "moved_to") if resolved.model.document else ""
    if moved:
        notes.append(f"{resolved.model.name} moved to {moved}")
    return tuple(notes)


def _title_notes(model: ModelView) -> list[str]:
    """What to say of a path that another model has as its title."""
    from registry_tool.catalog.titles import find_shown_elsewhere  # few models have a title

    other = find_shown_elsewhere(model)
    if other is None:
        return []
    return [
        f"{model.name} has the title {model.title!a}; the title {model.name.name} is that of {other.name}"
    ]


def resolve(
    catalog: Catalog,
    reference: Reference | str,
    *,
    allow_withdrawn: bool = False,
    allow_draft: bool = False,
) -> Resolved:
    """The version a reference means.

    Args:
        catalog: Where to look.
        reference: ``[namespace/]model[@version|tag|alias|latest]``.
        allow_withdrawn: Answer for a withdrawn or erased version too, instead of refusing.
        allow_draft: Answer for a draft too, named by its version.

    Raises:
        InvalidNameError: The text is not a reference.
        DraftError: The version is a draft, or the name is reserved for one.
        NotFoundError: There is no such model or version.
        VersionNotNamedError: The reference is to something that changes, and names no version.
        WithdrawnError: The version is not served any more.
        InvalidManifestError: A file on the way does not pass its schema.
    """
    asked = Reference.parse(reference) if isinstance(reference, str) else reference
    model = find_model(catalog, asked.model)
    draft = find_draft(catalog, asked) if allow_draft else None
    if draft is not None:
        return Resolved(asked, draft, "version", draft.state)
    view, via, notes = _select(model, asked.selector)
    state = view.state
    told = (*notes, *_notes(view, state))
    if state not in USABLE and not allow_withdrawn:
        raise WithdrawnError(
            _notes(view, state)[0], remedy=f"its record stays: registry show {view}"
        )
    return Resolved(asked, view, via, state, told)


FOLLOWING: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "active": frozenset({"deprecated", "withdrawn", "erased"}),
        "deprecated": frozenset({"active", "withdrawn", "erased"}),
        "withdrawn": frozenset({"erased"}),
        "erased": frozenset(),
    }
)


def may_follow(before: str, after: str) -> bool:
    """True when a version may pass from one state to another; a state it keeps is no passage."""
    return after in FOLLOWING.get(before, frozenset())


def is_same_answer(catalog: Catalog, resolved: Resolved) -> bool:
    """True when a catalog gives the same answer: the same version, state, record and registry settings.

    Args:
        catalog: Of a commit.
        resolved: What another state of the registry, such as a work tree, answered.
    """
    try:
        other = resolve(catalog, resolved.reference, allow_withdrawn=True)
    except RegistryError:
        return False
    ours, theirs = resolved.version, other.version
    same = (resolved.via, resolved.state, ours.version) == (other.via, other.state, theirs.version)
    pairs = (
        (ours.document, theirs.document),
        (ours.status, theirs.status),
        (ours.model.catalog.registry, catalog.registry),
    )
    return same and all((a and a.source) == (b and b.source) for a, b in pairs)
