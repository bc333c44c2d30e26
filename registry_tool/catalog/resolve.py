"""From a reference to one version: the question a serving process asks."""

from __future__ import annotations

from typing import NamedTuple

from registry_tool.catalog.index import USABLE, Catalog, ModelView, VersionView, require
from registry_tool.errors import NotFound, VersionNotNamed, Withdrawn
from registry_tool.manifests.data import text
from registry_tool.names import LATEST, UNNAMED, ModelName, Reference
from registry_tool.schemes import is_prerelease, order_key

__all__ = ["Resolved", "find_model", "in_order", "latest", "resolve"]

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
        NotFound: There is none; the remedy names near ones.
    """
    model = catalog.model(name)
    if model is not None:
        return model
    near = _nearest(str(name), [str(n) for n in catalog.model_names(name.namespace)])
    if not near and name.namespace not in catalog.namespaces():
        near = _nearest(str(name), [str(n) for n in catalog.model_names()])
    raise NotFound(
        f"there is no model {name}", remedy=near or "`registry list` shows the models there are"
    )


def in_order(model: ModelView) -> list[str]:
    """The versions of a model, lowest first by its scheme; ``free`` ones by ``created_at``."""
    scheme = model.scheme
    if scheme != "free":
        return sorted(model.versions, key=lambda v: order_key(scheme, v))

    def created(version: str) -> str:
        view = model.version(version)
        document = None if view is None else view.document
        return "" if document is None else text(document.data, "created_at")

    return sorted(model.versions, key=lambda v: order_key(scheme, v, created(v)))


def _nothing_latest(model: ModelView, prereleases: list[VersionView]) -> NotFound:
    """Why ``latest`` means nothing, by what the model has instead."""
    if prereleases:
        newest = prereleases[0]
        only = all(is_prerelease(model.scheme, version) for version in model.versions)
        what = "only pre-releases" if only else "no active release"
        return NotFound(
            f"{model.name} has {what}, and latest passes over pre-releases; the newest is {newest.version}",
            remedy=f"registry resolve {newest}",
        )
    if model.versions:
        return NotFound(
            f"{model.name} has no active version: latest passes over what is deprecated, withdrawn or erased",
            remedy=f"registry show {model.name}",
        )
    return NotFound(
        f"{model.name} has no versions yet",
        remedy=f"registry version add {model.name} --artifact PATH --framework TYPE",
    )


def latest(model: ModelView) -> VersionView:
    """The highest version that is active and no pre-release.

    Raises:
        NotFound: The model has no such version; the message says what it has, and the remedy how to refer to that.
    """
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
        NotFound: The stage has gates, and a tag never passed them.
    """
    from registry_tool.catalog.stagenames import is_gated, stages_written  # an alias needs none

    model = view.model
    stage = stages_written(model.catalog, model.name.namespace).get(selector)
    if stage is None:
        return ()
    if selector != view.version and is_gated(stage):
        raise NotFound(
            f"no version of {model.name} holds the stage {selector}; the tag {selector} names version {view.version},"
            " which met no gate",
            remedy=f"registry show {view}",
        )
    what = "version" if selector == view.version else "tag"
    return (f"{selector} is a stage, and this is a {what}, which never moves; use {view}",)


def _pointed_at(model: ModelView, selector: str) -> tuple[VersionView, str, tuple[str, ...]] | None:
    """The version that an alias or a tag names."""
    for kind, document in (("alias", model.alias(selector)), ("tag", model.tag(selector))):
        if document is None:
            continue
        data = require(document, f"{model.name}@{selector}")
        view = model.version(text(data, "version"))
        if view is None:
            raise NotFound(
                f"{kind} {selector} of {model.name} names version {text(data, 'version')}, which is not there",
                remedy="registry check --all",
            )
        if kind == "tag":
            return view, kind, _stage_notes(view, selector)
        notes = ("pinned: an automatic promotion leaves it alone",) if data.get("pinned") else ()
        return view, kind, notes
    return None


def _select(model: ModelView, selector: str) -> tuple[VersionView, str, tuple[str, ...]]:
    if selector == LATEST:
        return latest(model), "latest", ()
    if selector == UNNAMED:
        raise VersionNotNamed(str(model.name), latest(model).version)
    view = model.version(selector)
    if view is not None:
        # In no other scheme can a version be called as a stage.
        return view, "version", _stage_notes(view, selector) if model.scheme == "free" else ()
    found = _pointed_at(model, selector)
    if found is not None:
        return found
    near = _nearest(selector, [*model.versions, *model.aliases, *model.tags])
    raise NotFound(
        f"{model.name} has no version, tag or alias {selector}",
        remedy=near or f"`registry show {model.name}` shows what it has",
    )


def _notes(resolved: VersionView, state: str) -> tuple[str, ...]:
    status = resolved.status
    data = None if status is None else status.data
    notes = []
    if state != "active":
        words = [f"{resolved} is {state}", text(data, "reason")]
        instead = text(data, "replaced_by")
        notes.append(": ".join(w for w in words if w) + (f"; use {instead}" if instead else ""))
    moved = text(resolved.model.document.data, "moved_to") if resolved.model.document else ""
    if moved:
        notes.append(f"{resolved.model.name} moved to {moved}")
    return tuple(notes)


def resolve(
    catalog: Catalog, reference: Reference | str, *, allow_withdrawn: bool = False
) -> Resolved:
    """The version a reference means.

    Args:
        catalog: Where to look.
        reference: ``[namespace/]model[@version|tag|alias|latest]``.
        allow_withdrawn: Answer for a withdrawn or erased version too, instead of refusing.

    Raises:
        InvalidName: The text is not a reference.
        NotFound: There is no such model or version.
        VersionNotNamed: The reference is to something that changes, and names no version.
        Withdrawn: The version is not served any more.
        InvalidManifest: A file on the way does not pass its schema.
    """
    asked = Reference.parse(reference) if isinstance(reference, str) else reference
    model = find_model(catalog, asked.model)
    view, via, notes = _select(model, asked.selector)
    state = view.state
    told = (*notes, *_notes(view, state))
    if state not in USABLE and not allow_withdrawn:
        raise Withdrawn(_notes(view, state)[0], remedy=f"its record stays: registry show {view}")
    return Resolved(asked, view, via, state, told)
