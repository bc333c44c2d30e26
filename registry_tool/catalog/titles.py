"""Titles of models, versions, tags and aliases: read, looked up, compared.

The shown name of something is its title, else the name in its path. Which names are shown how is read once for each namespace
and each model, and the catalog carries it on from one state of the registry to the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from registry_tool.catalog.catalog import Catalog, ModelView
from registry_tool.catalog.shown_names import ShownNames, fold_title, make_slug
from registry_tool.errors import NotFoundError, UsageError
from registry_tool.git.tree import folders_with
from registry_tool.manifests.data import text
from registry_tool.manifests.layout import Place
from registry_tool.names import DEFAULT_NAMESPACE, LATEST, ModelName, Reference, fold_model

__all__ = [
    "find_models",
    "find_selectors",
    "find_shown_elsewhere",
    "is_model_taken",
    "list_reserved_names",
    "model_slug",
    "read_title_reference",
    "shown_models",
    "shown_selectors",
]

_TITLE: Final = "title.yaml"
_MORE: Final = 5


def _title_in(catalog: Catalog, path: str, place: Place) -> str:
    """The title in a file that is not kept; empty where it cannot be read."""
    document = catalog.document(path, place, keep=False)
    return "" if document is None else text(document.data, "title")


def _shown_model(catalog: Catalog, name: ModelName) -> str:
    """How a model is shown; empty for one that does not exist."""
    entries = catalog.tree.folder(catalog.layout.model(name))
    if not entries:
        return ""
    return (_title_of_model(catalog, name) if _TITLE in entries else "") or name.name


def _title_of_model(catalog: Catalog, name: ModelName) -> str:
    return _title_in(catalog, catalog.layout.title(name), Place("title", name))


def _read_shown_models(catalog: Catalog, namespace: str) -> ShownNames:
    """How all models of a namespace are shown. Few have a title: only their folders are looked into."""
    found = ShownNames()
    names = {catalog.layout.model(name): name for name in catalog.model_names(namespace)}
    titled = {*folders_with(catalog.tree, [*names], _TITLE)}
    catalog.tree.prefetch(f"{folder}/{_TITLE}" for folder in sorted(titled))
    for folder, name in names.items():
        title = _title_of_model(catalog, name) if folder in titled else ""
        found.set(name.name, title or name.name)
    return found


def shown_models(catalog: Catalog, namespace: str) -> ShownNames:
    """How the models of a namespace are shown, deleted ones included; read once for a catalog and those after it."""
    key = (namespace, "")
    known = catalog.shown.get(key)
    if known is None:
        known = catalog.shown[key] = _read_shown_models(catalog, namespace)
    for stale in known.stale:
        name = ModelName(namespace, stale)
        known.set(stale, _shown_model(catalog, name))
    known.stale = frozenset()
    return known


def list_reserved_names(model: ModelView) -> frozenset[str]:
    """The tags and aliases that the drafts of a model get when they are sealed; reads all drafts."""
    drafts = filter(None, map(model.draft, model.drafts))
    return frozenset(n for d in drafts for n in (*d.reserved_tags, *d.reserved_aliases))


def shown_selectors(model: ModelView) -> ShownNames:
    """How the versions, tags and aliases of a model are shown, deleted versions included; read once, as ``shown_models``."""
    catalog, layout = model.catalog, model.catalog.layout
    key = (str(model.name), "@")
    known = catalog.shown.get(key)
    if known is not None and not known.stale:
        return known
    if known is None:
        known = ShownNames()
        names: Iterable[str] = {*model.selectors(), *model.titled}
        catalog.tree.prefetch(layout.title(model.name, name) for name in sorted(model.titled))
    else:
        names = known.stale
    titled, existing = model.titled, frozenset(model.selectors())
    if titled - existing:  # of names that drafts have reserved
        existing |= titled & list_reserved_names(model)
    for name in names:
        place = Place("title", model.name, None, name)
        path = layout.title(model.name, name)
        found = _title_in(catalog, path, place) if name in titled else ""
        known.set(name, (found or name) if name in existing else "")
    known.stale = frozenset()
    catalog.shown[key] = known
    return known


def find_models(catalog: Catalog, namespace: str, title: str) -> list[ModelView]:
    """The models of a namespace that are shown as a title; deleted ones do not count."""
    views = (
        catalog.model(ModelName(namespace, n)) for n in shown_models(catalog, namespace).find(title)
    )
    return [view for view in views if view is not None and not view.is_deleted]


def find_selectors(model: ModelView, title: str) -> list[str]:
    """The versions, tags and aliases of a model that are shown as a title; deleted versions do not count."""

    def counts(name: str) -> bool:
        version = model.version(name)
        return version is None or not version.is_deleted

    return [name for name in shown_selectors(model).find(title) if counts(name)]


def _is_shown_as(model: ModelView, title: str) -> bool:
    return bool(model.title) and fold_title(model.title) == fold_title(title)


def find_shown_elsewhere(model: ModelView) -> ModelView | None:
    """Another model that is shown as the name in this one's path; None where there is none.

    Looked at are the paths that are made where a name is taken, so that resolving a path does not read a whole namespace.
    """
    name, title = model.name, model.title
    if not title or fold_title(title) == fold_title(name.name):
        return None
    start = f"{fold_model(name.name)}-"
    for other in model.catalog.model_names(name.namespace):
        if fold_model(other.name).startswith(start):
            view = model.catalog.model(other)
            if view is not None and not view.is_deleted and _is_shown_as(view, name.name):
                return view
    return None


def is_model_taken(catalog: Catalog, name: ModelName) -> bool:
    """True for a name that a model has, deleted or not, or one that differs only by case or separators."""
    if catalog.tree.folder(catalog.layout.model(name)):
        return True
    wanted = fold_model(name.name)
    return any(fold_model(other.name) == wanted for other in catalog.model_names(name.namespace))


def model_slug(catalog: Catalog, namespace: str, title: str) -> ModelName:
    """The path for a new model with a title."""

    def is_taken(name: str) -> bool:
        return is_model_taken(catalog, ModelName(namespace, name))

    return ModelName(namespace, make_slug(title, "model", is_taken))


def _model_readings(catalog: Catalog, words: str) -> Iterator[ModelView]:
    """The models that words may name: a shown name of the default namespace, or a namespace and a shown name."""
    yield from find_models(catalog, DEFAULT_NAMESPACE, words)
    namespace, slash, title = words.partition("/")
    if slash and title and namespace in catalog.namespaces():
        yield from find_models(catalog, namespace, title)


def _readings(catalog: Catalog, words: str, unnamed: str) -> Iterator[Reference]:
    whole = list(_model_readings(catalog, words))
    if whole:
        yield from (Reference(view.name, unnamed) for view in whole)
        return
    for at, char in enumerate(words):
        if char != "@":
            continue
        wanted = words[at + 1 :]
        for model in _model_readings(catalog, words[:at]):
            if wanted == LATEST:
                yield Reference(model.name, LATEST)
            yield from (Reference(model.name, name) for name in find_selectors(model, wanted))


def read_title_reference(catalog: Catalog, words: str, *, unnamed: str = LATEST) -> Reference:
    """The reference that ``[NAMESPACE/]TITLE[@TITLE]`` means: titles, and where there is none the names in paths.

    A title may contain ``/`` and ``@``. A title that is all of the words wins over one that is a part of them.

    Args:
        catalog: Where to look.
        words: The titles.
        unnamed: What is selected where the words name a model only.

    Raises:
        NotFoundError: Nothing has these titles.
        UsageError: Several things have them.
    """
    found = list(dict.fromkeys(_readings(catalog, words, unnamed)))
    if not found:
        raise NotFoundError(
            f"no model or version has the title {words!a}", remedy="list the models: registry list"
        )
    if len(found) > 1:
        names = ", ".join(map(str, found[:_MORE]))
        raise UsageError(
            f"{words!a} may mean {names}",
            remedy="use the path of the one that you mean, without --title",
        )
    return found[0]
