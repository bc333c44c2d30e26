"""Rules about titles: their form, what has them, and that no two things are shown alike."""

from __future__ import annotations

from collections.abc import Iterator

from registry_tool.catalog.catalog import ModelView
from registry_tool.catalog.shown_names import find_forbidden, fold_title
from registry_tool.catalog.titles import (
    find_models,
    find_selectors,
    list_reserved_names,
    shown_selectors,
)
from registry_tool.checks.rule import (
    FileRule,
    FileView,
    ModelRule,
    RegistryRule,
    RegistryView,
    Rule,
    Violation,
    format_name,
    removal,
)
from registry_tool.manifests.data import text
from registry_tool.manifests.problems import show_value
from registry_tool.names import ModelName

__all__ = ["RULES"]

_TITLED = frozenset({"title", "object"})


def title_is_plain(file: FileView) -> Iterator[Violation]:
    """A title must not contain control, bidirectional or invisible characters, or a blank at either end.

    Two titles that differ only in characters without a shape would name two things, and text that runs backwards can make one title
    look like another. The two characters that join emoji are allowed between emoji.

    How to fix: type the title again, without the character that the finding names.

    Example:
        ``title: "resnet50 "`` looks like ``resnet50``.
    """
    document, place = file.document, file.location
    if document is None or place is None or place.kind not in _TITLED:
        return
    title = text(document.data, "title")
    found = find_forbidden(title) if title else ""
    if found:
        yield Violation(
            f"the title contains {found}",
            at=("title",),
            found=show_value(title),
            expected="no control, bidirectional or invisible characters, and no blank at either end",
            remedy="type the title again without it",
        )


def title_has_owner(model: ModelView) -> Iterator[Violation]:
    """A file ``titles/<name>.yaml`` must be about a version, tag or alias of its model, or a name that a draft reserves.

    A title of something that does not exist would be shown for whatever gets that name next.

    How to fix: rename the file to the version, tag or alias, or delete it; ``registry title set`` writes it to its place.

    Example:
        ``titles/7.yaml`` in a model with the versions 1 to 6.
    """
    if not model.titled:
        return
    loose = model.titled.difference(model.selectors())
    for name in sorted(loose - list_reserved_names(model) if loose else loose):
        path = model.catalog.layout.title(model.name, name)
        yield Violation(
            f"{format_name(str(model.name))} has no version, tag or alias {format_name(name)} that could have a title",
            path=path,
            expected="the name of a version, tag or alias",
            remedy=removal(path),
        )


def _clash(path: str, who: str, other: str, title: str) -> Violation:
    return Violation(
        f"{format_name(who)} and {format_name(other)} are both shown as {show_value(title)}",
        path=path,
        at=("title",),
        found=show_value(title),
        expected="a title that nothing else has",
        remedy=f"registry title set {format_name(who)} TITLE",
    )


def selectors_are_shown_apart(model: ModelView) -> Iterator[Violation]:
    """No two versions, tags or aliases of a model may be shown by one name.

    The shown name is the title, else the name in the path; case, and how accents are composed, make no difference. Deleted
    versions do not count.

    How to fix: give one of them another title with ``registry title set``.

    Example:
        ``titles/5.yaml`` says ``title: "6"``, and version 6 has no title.
    """
    if not model.titled:
        return
    for names in sorted(map(sorted, shown_selectors(model).list_shared())):
        title = model.find_title(names[0]) or names[0]
        live = sorted(find_selectors(model, title), key=lambda name: (name in model.titled, name))
        if len(live) > 1:
            path = model.catalog.layout.title(model.name, live[-1])
            title = model.find_title(live[-1]) or live[-1]
            yield _clash(path, f"{model.name}@{live[-1]}", f"{model.name}@{live[0]}", title)


def _model_clash(
    view: RegistryView, model: ModelName, others: list[ModelName]
) -> Iterator[Violation]:
    """The clash of one model's shown name with those of others; reported at a title, which can change."""
    layout, tree = view.catalog.layout, view.catalog.tree
    for who, other in ((model, others[0]), (others[0], model)):
        path = layout.title(who)
        if tree.entry(path) is not None:
            found = view.catalog.model(who)
            title = who.name if found is None else found.title or who.name
            yield _clash(path, str(who), str(other), title)
            return


def _clashes_of_change(view: RegistryView) -> Iterator[Violation]:
    seen: set[ModelName] = set()
    for model in view.models:
        found = view.catalog.model(model)
        if model.namespace not in view.renamed or found is None or found.is_deleted:
            continue
        alike = find_models(view.catalog, model.namespace, found.title or model.name)
        others = [one.name for one in alike if one.name != model and one.name not in seen]
        if others:
            seen.add(model)
            yield from _model_clash(view, model, others)


def _clashes_of_all(view: RegistryView) -> Iterator[Violation]:
    for namespace in view.namespaces:
        claims = [c for c in view.claims.of_pool("title") if c.value.partition("/")[0] == namespace]
        if not claims:
            continue
        found: dict[str, list[ModelName]] = {}
        for name in view.catalog.model_names(namespace):
            found.setdefault(fold_title(name.name), []).append(name)
        for claim in sorted(claims, key=lambda one: one.path):
            place = view.catalog.layout.locate(claim.path)
            if place is not None and place.model is not None:
                key = claim.value.partition("/")[2]
                yield from _clash_of_title(view, place.model, key, found)


def _clash_of_title(
    view: RegistryView, model: ModelName, key: str, found: dict[str, list[ModelName]]
) -> Iterator[Violation]:
    own = view.catalog.model(model)
    if own is None or own.is_deleted:
        return
    for other in found.get(key, []):
        view_of_other = view.catalog.model(other)
        if other == model or view_of_other is None or view_of_other.is_deleted:
            continue
        if fold_title(view_of_other.title or other.name) == key:
            yield from _model_clash(view, model, [other])
            return
    found.setdefault(key, []).append(model)


def models_are_shown_apart(view: RegistryView) -> Iterator[Violation]:
    """No two models of a namespace may be shown by one name.

    The shown name is the title, else the name in the path; case, and how accents are composed, make no difference. A deleted
    model's title is free. Programs that know models by their titles would find two.

    How to fix: give one of them another title with ``registry title set``.

    Example:
        ``models/vision/yolo/title.yaml`` says ``title: Resnet50``, and ``models/vision/resnet50`` has no title.
    """
    yield from _clashes_of_all(view) if view.complete else _clashes_of_change(view)


RULES: tuple[Rule, ...] = (
    FileRule("F122", "a title is plain text", "refuse", title_is_plain),
    ModelRule("M222", "a title belongs to something", "refuse", title_has_owner),
    ModelRule(
        "M224",
        "versions, tags and aliases have different titles",
        "refuse",
        selectors_are_shown_apart,
    ),
    RegistryRule(
        "R318", "models of a namespace have different titles", "refuse", models_are_shown_apart
    ),
)
