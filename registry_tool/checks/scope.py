"""The scope of a check: everything, or the files of a change and their neighborhood.

A change is checked with the models that its files belong to, and with the models that refer to deleted names. If a change
only adds versions to a model, only these versions are checked: the cost depends on the change, not on the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.rule import Located
from registry_tool.git.tree import Entry, Tree, TreeChange, walk
from registry_tool.manifests.layout import MODELS, REGISTRY, Layout, Place
from registry_tool.names import DEFAULT_NAMESPACE, ModelName

__all__ = ["POLICY", "Part", "Scope", "find_renamed", "find_scope", "is_inside"]

# What the verdict on unchanged files depends on.
POLICY: Final = (REGISTRY, "schemas/", ".dvc/config")
# Files that may come to a version, or change in it, without a word about its sisters.
_ITS_OWN: Final = frozenset({"metadata", "evidence", "card", "wire"})
# Files of a model that no version depends on.
_BY_THEMSELVES: Final = frozenset({"evidence", "title", "wire"})
_ITS_RECORD: Final = frozenset({"version", "dvc"})
_NAMED: Final = frozenset({"model", "version", "tag", "alias"})


class Part(NamedTuple):
    """Files that are looked at together.

    Attributes:
        files: Path and entry of each file to judge; None stands for all files of the model.
        model: The model they belong to, which is judged with them; None for files outside the models under check.
        touched: The versions to which the look at the model is limited; None looks at all of it.
    """

    files: Sequence[tuple[str, Entry]] | None
    model: ModelName | None = None
    touched: frozenset[str] | None = None

    def listed(self, catalog: Catalog) -> Sequence[tuple[str, Entry]]:
        """Path and entry of each file to judge."""
        if self.files is not None or self.model is None:
            return self.files or ()
        return list(walk(catalog.tree, catalog.layout.model(self.model)))


class Scope(NamedTuple):
    """What a check looks at.

    Attributes:
        parts: What is judged, a model at a time, so that a registry need not fit in memory. To be gone through once.
        models: The models among them, in order.
        namespaces: The namespaces to judge, in order.
        complete: True when this is everything.
    """

    parts: Iterable[Part]
    models: tuple[ModelName, ...]
    namespaces: tuple[str, ...]
    complete: bool


def _outside(tree: Tree, layout: Layout, namespaces: Iterable[str]) -> Iterator[tuple[str, Entry]]:
    """The files that lie in no model's folder, in no particular order."""
    for name, entry in tree.folder("").items():
        if name != MODELS or not entry.is_folder:
            yield from walk(tree, name) if entry.is_folder else [(name, entry)]
    folders = [MODELS, *map(layout.namespace, namespaces)]
    shards = [
        f"{folder}/{name}"
        for folder in (folders[1:] if layout.shard else ())
        for name, entry in tree.folder(folder).items()
        if entry.is_folder
    ]
    for folder in folders + shards:
        for name, entry in tree.folder(folder).items():
            if not entry.is_folder:
                yield f"{folder}/{name}", entry
            elif folder in shards and layout.find_shard(name) != folder.rpartition("/")[2]:
                yield from walk(tree, f"{folder}/{name}")


def _everything(catalog: Catalog, models: Sequence[ModelName]) -> Iterator[Part]:
    tree, layout = catalog.tree, catalog.layout
    tree.gather([""])
    yield Part(list(_outside(tree, layout, catalog.namespaces())))
    for model in models:
        yield Part(None, model)


def _whole(catalog: Catalog) -> Scope:
    models = tuple(catalog.model_names())
    parts = _everything(catalog, models)
    return Scope(parts, models, tuple(catalog.namespaces()), complete=True)


def _needles(models: Iterable[ModelName]) -> list[str]:
    """How other files may name these models; a reference may leave the default namespace out."""
    found = {m.name if m.namespace == DEFAULT_NAMESPACE else str(m) for m in models}
    # No reference holds a name that is not ASCII, and not every such name can be encoded.
    return sorted(name for name in found if name.isascii())


def _naming(catalog: Catalog, located: Sequence[tuple[TreeChange, Place]]) -> Iterator[ModelName]:
    """The models with a reference to something that went away."""
    gone = {
        place.model
        for change, place in located
        # Nothing refers to a draft.
        if place.model is not None and change.head is None and place.kind in _NAMED
        if not place.is_draft
    }
    needles = _needles(gone)
    for path in catalog.tree.grep(needles, under=MODELS) if needles else ():
        place = catalog.layout.locate(path)
        if place is not None and place.model is not None:
            yield place.model


def _is_its_own(change: TreeChange, place: Place) -> bool:
    """True for a file that concerns nothing but the version or draft it lies in."""
    if place.version is None:
        return False
    if place.is_draft:  # which nothing refers to, whatever changes in it
        return True
    return place.kind in _ITS_OWN or (place.kind in _ITS_RECORD and change.base is None)


def _is_a_name(change: TreeChange, place: Place) -> bool:
    """True for an alias that is set or moved, and for a new tag: no version becomes wrong by it."""
    moved = place.kind == "alias" and change.head is not None
    return moved or (place.kind == "tag" and change.base is None)


def _limit_versions(
    located: Sequence[tuple[TreeChange, Place]], whole: frozenset[ModelName]
) -> dict[ModelName, frozenset[str]]:
    """The versions to look at, of models to which files of versions are only added."""
    versions: dict[ModelName, set[str]] = {}
    others = set(whole)
    for change, place in located:
        if place.model is None:
            continue
        if place.version is not None and _is_its_own(change, place):
            versions.setdefault(place.model, set()).add(place.version)
        elif _is_a_name(change, place) or place.kind in _BY_THEMSELVES:
            versions.setdefault(place.model, set())
        else:
            others.add(place.model)
    return {model: frozenset(found) for model, found in versions.items() if model not in others}


def _touching(catalog: Catalog, changes: Sequence[TreeChange]) -> Scope:
    """The scope of a change: its files, their models, and the models that name what went away."""
    places = [(c, catalog.layout.locate(c.path)) for c in changes]
    located = [(change, place) for change, place in places if place is not None]
    naming = frozenset(_naming(catalog, located))
    models = {place.model for _, place in located if place.model is not None} | naming
    namespaces = {m.namespace for m in models} | {
        c.path.split("/")[1] for c in changes if c.path.startswith(f"{MODELS}/")
    }
    present = sorted(m for m in models if catalog.model(m) is not None)
    parts = _parts(places, present, _limit_versions(located, naming))
    return Scope(parts, tuple(present), tuple(sorted(namespaces)), complete=False)


def _parts(
    places: Sequence[tuple[TreeChange, Place | None]],
    models: Sequence[ModelName],
    limited: Mapping[ModelName, frozenset[str]],
) -> list[Part]:
    """The files of a change by model; the first part is what belongs to none under check."""
    files: dict[ModelName | None, list[tuple[str, Entry]]] = {None: [], **{m: [] for m in models}}
    for change, place in places:
        if change.head is not None:
            model = None if place is None or place.model not in files else place.model
            files[model].append((change.path, change.head))
    return [Part(found, m, None if m is None else limited.get(m)) for m, found in files.items()]


def is_inside(path: str, paths: Sequence[str]) -> bool:
    """True for a path at or under one of some paths; the empty path is the root."""
    plain = [p.rstrip("/") for p in paths]
    return any(not p or path == p or path.startswith(f"{p}/") for p in plain)


def _narrow(catalog: Catalog, scope: Scope, paths: Sequence[str]) -> Scope:
    """The part of a scope that lies at or under some paths."""
    parts = []
    for part in scope.parts:
        files = [(path, entry) for path, entry in part.listed(catalog) if is_inside(path, paths)]
        if files:
            parts.append(part._replace(files=files))
    models = tuple(part.model for part in parts if part.model is not None)
    namespaces = tuple(n for n in scope.namespaces if is_inside(catalog.layout.namespace(n), paths))
    return Scope(parts, models, namespaces, complete=False)


def find_scope(
    catalog: Catalog, changes: Sequence[TreeChange] | None, paths: Sequence[str] = ()
) -> Scope:
    """What to look at.

    Args:
        catalog: The tree under check.
        changes: How it differs from its base; None looks at everything, and so does a change of policy.
        paths: Files and folders to which the look is narrowed; none of them means no narrowing.
    """
    if changes is None or any(c.path.startswith(POLICY) for c in changes):
        scope = _whole(catalog)
    else:
        scope = _touching(catalog, changes)
    return _narrow(catalog, scope, paths) if paths else scope


def find_renamed(changes: Iterable[Located]) -> frozenset[str]:
    """The namespaces in which a model is new, or has another title than before."""
    found = set()
    for change in changes:
        place = change.place
        if place is None or place.model is None or place.name:
            continue
        if place.kind == "title" or (place.kind == "model" and change.added):
            found.add(place.model.namespace)
    return frozenset(found)
