"""Rules about the version scheme, which gives versions their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from registry_tool.catalog.index import Catalog, ModelView
from registry_tool.checks.rule import ChangeRule, ChangeView, Hit, Located, Rule
from registry_tool.checks.rules.wording import named
from registry_tool.manifests.data import text
from registry_tool.manifests.layout import REGISTRY
from registry_tool.names import ModelName
from registry_tool.schemes import admits

__all__ = ["RULES"]


def _own_scheme(model: ModelView) -> str:
    return "" if model.document is None else text(model.document.data, "version_scheme")


def _governed(base: Catalog) -> ModelView | None:
    """A model with versions that takes its scheme from the registry."""
    return next((m for m in base.models() if not _own_scheme(m) and m.versions), None)


def _new_default(view: ChangeView) -> Iterator[Hit]:
    was, becomes = view.base.scheme, view.head.scheme
    model = None if was == becomes or not view.head.settings else _governed(view.base)
    if model is not None:
        yield Hit(
            f"models such as {named(str(model.name))} have versions, and this orders them by another scheme",
            path=REGISTRY,
            at=("version_scheme",),
            found=becomes,
            expected=was,
            remedy=f"first write `version_scheme: {was}` into each of these models",
        )


def _new_scheme(view: ChangeView, change: Located, name: ModelName) -> Iterator[Hit]:
    before, after = view.base.model(name), view.head.model(name)
    if before is None or after is None or not before.versions:
        return
    is_readable = after.document is not None and after.document.data is not None
    is_its_own = bool(_own_scheme(before) or _own_scheme(after))
    if is_readable and is_its_own and before.scheme != after.scheme:
        yield Hit(
            f"{named(str(name))} has versions of the scheme {before.scheme}",
            path=change.path,
            at=("version_scheme",),
            found=after.scheme,
            expected=before.scheme,
            remedy=f"write `version_scheme: {before.scheme}`",
        )


def schemes_stay(view: ChangeView) -> Iterator[Hit]:
    """The version scheme of a model stays as it is once the model has versions, and so does the registry's.

    The scheme gives versions their order, so another one makes ``latest`` another version, in silence. A scheme in
    ``model.yaml`` stands before that of ``registry.yaml``.

    Mend it: put ``version_scheme`` back. To change that of the registry, first write the present one into each model
    that has none of its own.

    Example:
        ``version_scheme: free`` in the ``registry.yaml`` of a registry whose models count 1, 2, 3.
    """
    for change in view.changes:
        place = change.place
        if change.path == REGISTRY:
            yield from _new_default(view)
        elif place is not None and place.kind == "model" and place.model and change.edited:
            yield from _new_scheme(view, change, place.model)


def _highest(versions: Iterable[str]) -> int:
    return max((int(v) for v in versions if admits("integer", v)), default=0)


def integers_count_up(view: ChangeView) -> Iterator[Hit]:
    """A new version of a scheme that counts should be higher than all that are there.

    ``latest`` is the highest number, and people take it for the newest. A version that fills a gap is never ``latest``;
    perhaps it was meant to be. A person decides. Several versions may come at once.

    Mend it: ``registry version add`` without a number takes the next one.

    Example:
        Version 5 is on the main branch, and a pull request that was opened before adds version 4.
    """
    added: dict[ModelName, list[Located]] = {}
    for change in view.changes:
        place = change.place
        if change.added and place is not None and place.kind == "version" and place.model:
            added.setdefault(place.model, []).append(change)
    for name, changes in added.items():
        model = view.base.model(name)
        if model is None or model.scheme != "integer":
            continue
        highest = _highest(model.versions)
        for change in changes:
            version = "" if change.place is None else change.place.version or ""
            if admits("integer", version) and int(version) < highest:
                yield Hit(
                    f"version {version} of {named(str(name))} comes after version {highest}",
                    path=change.path,
                    at=("version",),
                    found=version,
                    expected=f"{highest + 1}, or higher",
                    remedy=f"take the next number: registry version add {named(str(name))} --artifact PATH --framework TYPE",
                )


RULES: tuple[Rule, ...] = (
    ChangeRule("C412", "a version scheme stays as it is", "refuse", schemes_stay),
    ChangeRule("C415", "integer versions count up", "review", integers_count_up),
)
