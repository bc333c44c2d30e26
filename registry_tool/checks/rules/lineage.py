"""Rules about references from one model or version to another: they resolve, and they end."""

from __future__ import annotations

from collections.abc import Iterator

from registry_tool.catalog.index import Catalog, ModelView, VersionView
from registry_tool.checks.rule import Hit, ModelRule, ModelUnderCheck, Rule
from registry_tool.checks.rules.wording import named
from registry_tool.errors import InvalidName
from registry_tool.manifests.data import Data, text
from registry_tool.manifests.problems import JSONPath
from registry_tool.names import LATEST, ModelName, Reference

__all__ = ["RULES"]

# A walk that long has left what people write; the next check of another model goes on from there.
_STEPS = 10_000


def _reference(value: str) -> Reference | None:
    try:
        return Reference.parse(value)
    except InvalidName:
        return None


def _hit(path: str, at: JSONPath, value: str, reason: str, *, expected: str = "") -> Hit:
    field = ".".join(str(step) for step in at)
    return Hit(
        f"`{field}` names {named(value)}, {reason}",
        path=path,
        at=at,
        found=named(value),
        expected=expected or "a model or version of this registry",
        remedy="`registry list` and `registry show` say what there is; delete the line if it is gone",
    )


def _lost(catalog: Catalog, reference: Reference, *, fixed: bool) -> str:
    """Why a reference leads nowhere, in words; empty when it leads somewhere.

    Args:
        catalog: Where to look.
        reference: The reference.
        fixed: Only a version will do: no tag, alias or ``latest``.
    """
    model = catalog.model(reference.model)
    if model is None:
        return f"but there is no model {reference.model}"
    selector = reference.selector
    if model.version(selector) is not None:
        return ""
    if fixed:
        return f"but {reference.model} has no version {selector}"
    known = selector == LATEST or model.tag(selector) or model.alias(selector)
    return "" if known else f"but {reference.model} has no version, tag or alias {selector}"


def _checked(
    catalog: Catalog, path: str, at: JSONPath, value: str, *, fixed: bool
) -> Iterator[Hit]:
    reference = _reference(value)
    if reference is None:
        reason = "which is neither a reference nor a URI"
        yield _hit(path, at, value, reason, expected="a reference, or a URI such as https://…")
    elif reason := _lost(catalog, reference, fixed=fixed):
        yield _hit(path, at, value, reason)


def _model_links(model: ModelView) -> Iterator[Hit]:
    document = model.document
    for field in ("continues", "moved_to") if document is not None else ():
        value = text(document.data, field) if document is not None else ""
        if value and model.catalog.model(ModelName.parse(value)) is None:
            path = f"{model.folder}/model.yaml"
            yield _hit(path, (field,), value, f"but there is no model {value}")


def _base_model(data: Data) -> str:
    """What ``lineage.base_model`` names in this registry; empty for a URI, which has a colon."""
    base = text(data, "lineage", "base_model")
    return "" if ":" in base else base


def _same(version: VersionView, data: Data, same_as: str, path: str) -> Iterator[Hit]:
    catalog, at = version.model.catalog, ("same_as",)
    lost = list(_checked(catalog, path, at, same_as, fixed=True))
    reference = _reference(same_as)
    if lost or reference is None:
        yield from lost
        return
    model = catalog.model(reference.model)
    other = model.version(reference.selector) if model is not None else None
    record = other.document.data if other is not None and other.document is not None else None
    if record is not None and text(record, "identity") != text(data, "identity"):
        reason = "whose identity is another one"
        yield _hit(path, at, same_as, reason, expected="a version with the same identity")


def _version_links(version: VersionView) -> Iterator[Hit]:
    catalog, document = version.model.catalog, version.document
    if document is not None and document.data is not None:
        if base := _base_model(document.data):
            at = ("lineage", "base_model")
            yield from _checked(catalog, document.path, at, base, fixed=False)
        if same_as := text(document.data, "same_as"):
            yield from _same(version, document.data, same_as, document.path)
    status = version.status
    successor = text(status.data, "replaced_by") if status is not None else ""
    if status is None or not successor:
        return
    at_successor = ("replaced_by",)
    if "@" in successor or "/" in successor:
        yield from _checked(catalog, status.path, at_successor, successor, fixed=False)
    elif version.model.version(successor) is None:
        reason = f"but {named(str(version.model.name))} has no version {successor}"
        yield _hit(status.path, at_successor, successor, reason)


def resolves(model: ModelUnderCheck) -> Iterator[Hit]:
    """What a model or version says it was made from, continues, equals or is replaced by must be in this registry.

    A reader follows these references. ``lineage.base_model`` may also be a URI; anything without a colon is taken for
    a reference. ``same_as`` names a version with the same identity.

    Mend it: correct the reference; what other models name cannot be deleted, only withdrawn.

    Example:
        ``moved_to: nlp/lang-id-2`` before that model was added.
    """
    yield from _model_links(model)
    for version in model.looked_at():
        yield from _version_links(version)


def _next_model(model: ModelView, field: str) -> ModelView | None:
    """The model that a field of ``model.yaml`` names; its schema has seen to it that the name is one."""
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
            return False  # a loop further on, which is reported where it lies
        seen.add(name)
        current = _parent(current)
    settled.update(seen)
    return False


def ends(model: ModelUnderCheck) -> Iterator[Hit]:
    """Following ``moved_to``, ``continues`` or ``lineage.base_model`` must come to an end.

    A reader that follows a loop never arrives, and nothing can be made from itself.

    Mend it: delete the reference that closes the loop.

    Example:
        ``nlp/a`` says ``moved_to: nlp/b`` and ``nlp/b`` says ``moved_to: nlp/a``.
    """
    for field in ("moved_to", "continues"):
        if model.document is not None and _chain_loops(model, field):
            yield Hit(
                f"following `{field}` from {named(str(model.name))} leads back to it",
                at=(field,),
                found=text(model.document.data, field),
                expected="a chain that ends",
                remedy=f"delete `{field}` in one of the models",
            )
    settled: set[str] = set()
    for version in model.looked_at():
        if version.document is not None and _lineage_loops(version, settled):
            yield Hit(
                f"following `lineage.base_model` from {named(str(version))} leads back to it",
                path=version.document.path,
                at=("lineage", "base_model"),
                found=text(version.document.data, "lineage", "base_model"),
                expected="a lineage that ends",
                remedy="name the version it was really made from",
            )


RULES: tuple[Rule, ...] = (
    ModelRule("M206", "references to models and versions resolve", "refuse", resolves),
    ModelRule("M207", "chains of references end", "refuse", ends),
)
