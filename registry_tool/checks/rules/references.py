"""Rules about references: of tags and aliases to versions, and of models and versions to each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from registry_tool.catalog.catalog import USABLE, Catalog, ModelView, VersionView
from registry_tool.checks.rule import ModelRule, ModelUnderCheck, Violation, format_name, removal
from registry_tool.errors import InvalidNameError
from registry_tool.manifests.data import Data, text
from registry_tool.manifests.problems import JSONPath
from registry_tool.names import LATEST, ModelName, Reference

__all__ = [
    "RULES",
]

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


def _to_draft(model: ModelView, kind: str, pointer: _Pointer) -> Violation:
    subject = format_name(f"{model.name}@{pointer.wanted}")
    return Violation(
        f"{kind} {format_name(pointer.name)} of {format_name(str(model.name))} points to {pointer.wanted}, which is a draft",
        path=pointer.path,
        at=("version",),
        found=pointer.wanted,
        expected="a version: nothing points to a draft",
        remedy=f"seal the draft in the same change: registry seal {subject}",
    )


def _missing(model: ModelView, kind: str, pointer: _Pointer) -> Violation:
    if model.draft(pointer.wanted) is not None:
        return _to_draft(model, kind, pointer)
    known, more = model.versions[-_SHOWN:], len(model.versions) - _SHOWN
    names = ", ".join(format_name(v) for v in known) + (f" and {more} more" if more > 0 else "")
    target = f"{format_name(str(model.name))}@VERSION {format_name(pointer.name)}"
    # A tag never moves, so the one without a target is removed first.
    replace = f"{removal(pointer.path)} && registry tag add {target}"
    return Violation(
        f"{kind} {format_name(pointer.name)} of {format_name(str(model.name))} points to version {pointer.wanted}, which does not exist",
        path=pointer.path,
        at=("version",),
        found=pointer.wanted,
        expected=f"one of {names}" if known else "a version",
        remedy=f"registry alias set {target}" if kind == "alias" else replace,
    )


def alias_is_usable(model: ModelView) -> Iterator[Violation]:
    """An alias must point to a version of its model that exists and is neither withdrawn nor erased.

    Programs are deployed by alias. An alias to a missing or withdrawn version stops them.

    How to fix: ``registry alias set NAMESPACE/MODEL@VERSION ALIAS``, or ``registry alias rm`` before the version is
    withdrawn.

    Example:
        ``aliases/production.yaml`` says ``version: "7"``, and the highest version is 6.
    """
    for pointer in _pointers(model, "alias"):
        if pointer.version is None:
            yield _missing(model, "alias", pointer)
        elif pointer.state and pointer.state not in USABLE:
            yield Violation(
                f"alias {format_name(pointer.name)} of {format_name(str(model.name))} points to version {pointer.wanted}, "
                f"which is {pointer.state}",
                path=pointer.path,
                at=("version",),
                found=pointer.state,
                expected="a version that is active or deprecated",
                remedy=f"registry alias set {format_name(str(model.name))}@VERSION {format_name(pointer.name)}",
            )


def tag_has_target(model: ModelView) -> Iterator[Violation]:
    """A tag must point to a version of its model that exists and is not erased.

    A tag never moves, so a withdrawn version keeps its tags. An erased version has no content that a tag could name.

    How to fix: set an existing version; a tag that is on the main branch cannot change.

    Example:
        ``tags/v4-edge.yaml`` says ``version: "4"``, but ``versions/4`` does not exist.
    """
    for pointer in _pointers(model, "tag"):
        if pointer.version is None:
            yield _missing(model, "tag", pointer)
        elif pointer.state == "erased":
            yield Violation(
                f"tag {format_name(pointer.name)} of {format_name(str(model.name))} points to version {pointer.wanted}, which is erased",
                path=pointer.path,
                at=("version",),
                found="erased",
                expected="a version that is not erased",
                remedy="delete the tag in the change that erases the version",
            )


def _way_on(model: ModelView, pointer: _Pointer, instead: str) -> str:
    """The next step for an alias of a deprecated version; an alias cannot point to another model."""
    name, alias = format_name(str(model.name)), format_name(pointer.name)
    if "/" in instead or "@" in instead:
        return f"move its users to {instead}; then: registry alias rm {name} {alias}"
    return f"registry alias set {name}@{instead or 'VERSION'} {alias}"


def alias_is_current(model: ModelView) -> Iterator[Violation]:
    """An alias should not point to a deprecated version.

    It still works, but its users should move to another version; ``replaced_by`` in ``status.yaml`` names it.

    How to fix: ``registry alias set NAMESPACE/MODEL@VERSION ALIAS`` with an active version.

    Example:
        ``aliases/production.yaml`` points to version 3, whose ``status.yaml`` says ``state: deprecated``.
    """
    for pointer in _pointers(model, "alias"):
        if pointer.state == "deprecated" and pointer.version is not None:
            status = pointer.version.status
            instead = text(status.data, "replaced_by") if status is not None else ""
            yield Violation(
                f"alias {format_name(pointer.name)} of {format_name(str(model.name))} "
                f"points to version {pointer.wanted}, which is deprecated",
                path=pointer.path,
                at=("version",),
                found="deprecated",
                expected=instead or "an active version",
                remedy=_way_on(model, pointer, instead),
            )


# No chain that people write is this long; the check of another model continues from there.
_STEPS = 10_000


def _reference(value: str) -> Reference | None:
    try:
        return Reference.parse(value)
    except InvalidNameError:
        return None


def _hit(path: str, at: JSONPath, value: str, reason: str, *, expected: str = "") -> Violation:
    field = ".".join(str(step) for step in at)
    return Violation(
        f"`{field}` names {format_name(value)}, {reason}",
        path=path,
        at=at,
        found=format_name(value),
        expected=expected or "a model or version of this registry",
        remedy="find the name with `registry list` and `registry show`, or delete the line",
    )


def _explain_lost(catalog: Catalog, reference: Reference, *, fixed: bool) -> str:
    """Why a reference does not resolve, in words; empty when it resolves.

    Args:
        catalog: Where to look.
        reference: The reference.
        fixed: Only a version will do: no tag, alias or ``latest``.
    """
    model = catalog.model(reference.model)
    if model is None:
        return f"but model {reference.model} does not exist"
    selector = reference.selector
    if model.version(selector) is not None:
        return ""
    if model.draft(selector) is not None:
        return "which is a draft"
    if fixed:
        return f"but {reference.model} has no version {selector}"
    known = selector == LATEST or model.tag(selector) or model.alias(selector)
    return "" if known else f"but {reference.model} has no version, tag or alias {selector}"


def _check(
    catalog: Catalog, path: str, at: JSONPath, value: str, *, fixed: bool
) -> Iterator[Violation]:
    reference = _reference(value)
    if reference is None:
        reason = "which is not a reference or a URI"
        yield _hit(path, at, value, reason, expected="a reference, or a URI such as https://…")
    elif reason := _explain_lost(catalog, reference, fixed=fixed):
        yield _hit(path, at, value, reason)


def _model_links(model: ModelView) -> Iterator[Violation]:
    document = model.document
    for field in ("continues", "moved_to") if document is not None else ():
        value = text(document.data, field) if document is not None else ""
        if value and model.catalog.model(ModelName.parse(value)) is None:
            path = f"{model.folder}/model.yaml"
            yield _hit(path, (field,), value, f"but model {value} does not exist")


def _base_model(data: Data) -> str:
    """What ``lineage.base_model`` names in this registry; empty for a URI, which has a colon."""
    base = text(data, "lineage", "base_model")
    return "" if ":" in base else base


def _same(version: VersionView, data: Data, same_as: str, path: str) -> Iterator[Violation]:
    catalog, at = version.model.catalog, ("same_as",)
    lost = list(_check(catalog, path, at, same_as, fixed=True))
    reference = _reference(same_as)
    if lost or reference is None:
        yield from lost
        return
    model = catalog.model(reference.model)
    other = model.version(reference.selector) if model is not None else None
    record = other.document.data if other is not None and other.document is not None else None
    if record is not None and text(record, "identity") != text(data, "identity"):
        reason = "which has another identity"
        yield _hit(path, at, same_as, reason, expected="a version with the same identity")


def _version_links(version: VersionView) -> Iterator[Violation]:
    catalog, document = version.model.catalog, version.document
    if document is not None and document.data is not None:
        if base := _base_model(document.data):
            at = ("lineage", "base_model")
            yield from _check(catalog, document.path, at, base, fixed=False)
        if same_as := text(document.data, "same_as"):
            yield from _same(version, document.data, same_as, document.path)
    status = version.status
    successor = text(status.data, "replaced_by") if status is not None else ""
    if status is None or not successor:
        return
    at_successor = ("replaced_by",)
    if "@" in successor or "/" in successor:
        yield from _check(catalog, status.path, at_successor, successor, fixed=False)
    elif version.model.draft(successor) is not None:
        yield _hit(status.path, at_successor, successor, "which is a draft")
    elif version.model.version(successor) is None:
        reason = f"but {format_name(str(version.model.name))} has no version {successor}"
        yield _hit(status.path, at_successor, successor, reason)


def resolves(model: ModelUnderCheck) -> Iterator[Violation]:
    """References between models and versions must resolve in this registry.

    Readers follow ``lineage.base_model``, ``continues``, ``moved_to``, ``same_as`` and ``replaced_by``.
    ``lineage.base_model`` may also be a URI; anything without a colon is a reference. ``same_as`` names a version with the
    same identity.

    How to fix: correct the reference; a version that other models refer to can be withdrawn, not deleted.

    Example:
        ``moved_to: nlp/lang-id-2`` before that model was added.
    """
    yield from _model_links(model)
    for version in model.looked_at():
        yield from _version_links(version)


def _next_model(model: ModelView, field: str) -> ModelView | None:
    """The model that a field of ``model.yaml`` names; the schema guarantees a valid name."""
    value = "" if model.document is None else text(model.document.data, field)
    return model.catalog.model(ModelName.parse(value)) if value else None


def _chain_loops(model: ModelView, field: str) -> bool:
    seen: set[ModelName] = set()
    current = _next_model(model, field)
    while current is not None and current.name not in seen and len(seen) < _STEPS:
        if current.name == model.name:
            return True
        seen.add(current.name)
        current = _next_model(current, field)
    return False


def _parent(version: VersionView) -> VersionView | None:
    """The version that ``lineage.base_model`` fixes.

    Aliases and ``latest`` are not followed: they move, and a version that was tuned from ``production`` and then
    became ``production`` is no loop.
    """
    document, catalog = version.document, version.model.catalog
    base = "" if document is None or document.data is None else _base_model(document.data)
    reference = _reference(base) if base else None
    model = None if reference is None else catalog.model(reference.model)
    if reference is None or model is None:
        return None
    tag = model.tag(reference.selector)
    return model.version(reference.selector if tag is None else text(tag.data, "version"))


def _lineage_loops(version: VersionView, settled: set[str]) -> bool:
    """True when the walk from a version comes back to it; what was walked without a loop is remembered."""
    start, seen = str(version), set[str]()
    current = _parent(version)
    while current is not None and len(seen) < _STEPS:
        name = str(current)
        if name == start:
            return True
        if name in settled:
            break
        if name in seen:
            return False  # a loop further on, which is reported for its own versions
        seen.add(name)
        current = _parent(current)
    settled.update(seen)
    return False


def ends(model: ModelUnderCheck) -> Iterator[Violation]:
    """Chains of ``moved_to``, ``continues`` or ``lineage.base_model`` must end.

    A reader that follows a loop never finds a target, and no version can be made from itself.

    How to fix: delete the reference that closes the loop.

    Example:
        ``nlp/a`` says ``moved_to: nlp/b`` and ``nlp/b`` says ``moved_to: nlp/a``.
    """
    for field in ("moved_to", "continues"):
        if model.document is not None and _chain_loops(model, field):
            yield Violation(
                f"`{field}` of {format_name(str(model.name))} leads back to it",
                at=(field,),
                found=text(model.document.data, field),
                expected="a chain that ends",
                remedy=f"delete `{field}` in one of the models",
            )
    settled: set[str] = set()
    for version in model.looked_at():
        if version.document is not None and _lineage_loops(version, settled):
            yield Violation(
                f"`lineage.base_model` of {format_name(str(version))} leads back to it",
                path=version.document.path,
                at=("lineage", "base_model"),
                found=text(version.document.data, "lineage", "base_model"),
                expected="a lineage that ends",
                remedy="name the version that it was made from",
            )


RULES = (
    ModelRule("M203", "an alias points to a usable version", "refuse", alias_is_usable),
    ModelRule("M204", "a tag points to an existing version", "refuse", tag_has_target),
    ModelRule("M208", "an alias points to an active version", "warn", alias_is_current),
    ModelRule("M206", "references to models and versions resolve", "refuse", resolves),
    ModelRule("M207", "chains of references end", "refuse", ends),
)
