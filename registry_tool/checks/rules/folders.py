"""Rules about the registry as folders: what must be there, how wide they are, and names that differ by case."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from registry_tool.catalog.index import Catalog
from registry_tool.checks.rule import (
    FileRule,
    FileView,
    Hit,
    ModelRule,
    ModelUnderCheck,
    RegistryRule,
    RegistryView,
    Rule,
)
from registry_tool.checks.rules.wording import command, named
from registry_tool.git.tree import DEEPEST
from registry_tool.manifests.layout import MODELS, REGISTRY, WAIVERS
from registry_tool.names import fold, fold_model

__all__ = ["RULES"]

_WIDE = 1000
_TOO_WIDE = 3000
_SPLIT = "spread it: more namespaces or models, or `shard` in a new registry.yaml"


def has_registry(view: RegistryView) -> Iterator[Hit]:
    """A registry must have ``registry.yaml`` at its root.

    It names the registry and holds its policy; without it this is some repository.

    Mend it: ``registry init`` makes a new registry; in an old one, bring the file back from Git's history.

    Example:
        ``registry.yaml`` was renamed to ``registry.yml``.
    """
    if view.catalog.registry is None:
        yield Hit(
            "there is no registry.yaml",
            path=REGISTRY,
            expected="registry.yaml at the root of the repository",
            remedy="restore the file: git checkout HEAD -- registry.yaml; or make a registry: registry init DIR --name NAME",
        )


def _twins(names: Iterable[str], folded: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Pairs of names that fold to one: the first in order, lower case before upper case, and each later one."""
    seen: dict[str, str] = {}
    for name in sorted(names, key=str.swapcase):
        first = seen.setdefault(folded(name), name)
        if first != name:
            yield first, name


def _twin(first: str, second: str, path: str, what: str, differ: str) -> Hit:
    return Hit(
        f"{what} {named(first)} and {named(second)} differ only by {differ}",
        path=path,
        found=f"{named(first)} and {named(second)}",
        expected=f"names that differ by more than {differ}",
        remedy="rename the newer one with `git mv`, or delete it",
    )


def _twin_models(view: RegistryView) -> Iterator[Hit]:
    wanted = frozenset(view.models)
    for namespace in view.namespaces:
        models = {name.name: name for name in view.catalog.model_names(namespace)}
        for first, second in _twins(models, fold_model):
            if view.complete or wanted & {models[first], models[second]}:
                path = f"{view.catalog.layout.model(models[second])}/model.yaml"
                yield _twin(first, second, path, "the models", "case or by - _ .")


def _twin_files(catalog: Catalog, folder: str) -> Iterator[Hit]:
    for first, second in _twins(catalog.tree.folder(folder), fold):
        path = f"{folder}/{second}" if folder else second
        yield _twin(first, second, path, "the files or folders", "case")


def differs_by_more_than_case(view: RegistryView) -> Iterator[Hit]:
    """No two namespaces, models or top-level files may differ only by case; models also not by ``-``, ``_``, ``.``.

    A checkout on Windows or macOS can hold only one of two such files and silently loses the other, and people
    mistake one such model for the other.

    Mend it: rename the newer one, before it is on the main branch.

    Example:
        ``models/nlp/lang-id`` and ``models/nlp/Lang_ID``.
    """
    layout = view.catalog.layout
    yield from _twin_files(view.catalog, "")
    for first, second in _twins(view.catalog.namespaces(), fold):
        if view.complete or {first, second} & set(view.namespaces):
            path = f"{layout.namespace(second)}/namespace.yaml"
            yield _twin(first, second, path, "the namespaces", "case")
    yield from _twin_models(view)


def files_differ_by_more_than_case(model: ModelUnderCheck) -> Iterator[Hit]:
    """No two files of a model or of a version may differ only by case.

    A checkout on Windows or macOS can hold only one of them and silently loses the other.

    Mend it: rename the newer one, before it is on the main branch.

    Example:
        ``versions/4/CARD.md`` and ``versions/4/card.md``.
    """
    folders = [model.folder + inner for inner in ("", "/tags", "/aliases")]
    for folder in [*folders, *(version.folder for version in model.looked_at())]:
        yield from _twin_files(model.catalog, folder)


def _widths(view: RegistryView) -> Iterator[tuple[str, int]]:
    """The folders that may grow, with their number of entries."""
    layout, tree = view.catalog.layout, view.catalog.tree
    folders = [MODELS, WAIVERS]
    for namespace in view.namespaces:
        home = layout.namespace(namespace)
        folders.append(home)
        if layout.shard:
            folders.extend(f"{home}/{n}" for n, e in tree.folder(home).items() if e.is_folder)
    for model in view.models:
        folder = layout.model(model)
        folders.extend(f"{folder}/{inner}" for inner in ("versions", "tags", "aliases"))
    tree.prefetch(folders)
    for folder in folders:
        yield folder, len(tree.folder(folder))


def _wide(folder: str, width: int, limit: int) -> Hit:
    return Hit(
        f"{named(folder)} has {width:,} entries",
        path=folder,
        found=f"{width:,} entries",
        expected=f"at most {limit:,}",
        remedy=_SPLIT,
    )


def not_too_wide(view: RegistryView) -> Iterator[Hit]:
    """No folder of the registry may have more than 3,000 entries.

    Git writes a whole folder anew for each change in it, and hosts stop showing folders of that size.

    Mend it: use more namespaces or models; a registry that expects one huge namespace sets ``shard`` when it is made.

    Example:
        A namespace with 3,001 models.
    """
    for folder, width in _widths(view):
        if width > _TOO_WIDE:
            yield _wide(folder, width, _TOO_WIDE)


def not_wide(view: RegistryView) -> Iterator[Hit]:
    """A folder of the registry should not have more than 1,000 entries.

    It still works, and it is time to think of where the next thousand go: at 3,000 the registry refuses more.

    Mend it: use more namespaces or models.

    Example:
        A model with 1,001 versions.
    """
    for folder, width in _widths(view):
        if _WIDE < width <= _TOO_WIDE:
            yield _wide(folder, width, _WIDE)


def has_owners(view: RegistryView) -> Iterator[Hit]:
    """Each namespace must have a ``namespace.yaml`` that names its owners.

    Somebody must answer for what is in it and review its changes.

    Mend it: add ``models/NAMESPACE/namespace.yaml`` with ``schema: namespace/v1`` and ``owners``.

    Example:
        ``models/nlp/lang-id/model.yaml`` was added, and there is no ``models/nlp/namespace.yaml``.
    """
    present = frozenset(view.catalog.namespaces())
    for namespace in view.namespaces:
        if namespace in present and view.catalog.namespace(namespace) is None:
            path = f"{view.catalog.layout.namespace(namespace)}/namespace.yaml"
            yield Hit(
                f"namespace {named(namespace)} has no namespace.yaml",
                path=path,
                expected=f"{named(path)} with `owners`",
                remedy="write it with the lines `schema: namespace/v1` and `owners: ['@org/team']`",
            )


def not_too_deep(file: FileView) -> Iterator[Hit]:
    """No folder may lie more than 1,000 levels deep.

    Git itself reads 2,048 levels, on Windows 512, and no system checks out a path of that length. What lies below is not
    looked at, so it may not come in.

    Mend it: delete the outermost folder of the chain with ``git rm -r``.

    Example:
        ``a/a/a/…`` with 3,000 folders, each in the one before.
    """
    if file.entry.is_folder:
        outermost = file.path.split("/", 1)[0]
        yield Hit(
            f"a folder in {named(outermost)} lies more than {DEEPEST:,} levels deep",
            path=outermost,
            found=f"more than {DEEPEST:,} levels",
            expected=f"at most {DEEPEST:,}",
            remedy=command("git rm -r", outermost),
        )


RULES: tuple[Rule, ...] = (
    FileRule("F118", "no folder lies too deep", "refuse", not_too_deep),
    ModelRule("M215", "files differ by more than case", "refuse", files_differ_by_more_than_case),
    RegistryRule("R301", "registry.yaml is there", "refuse", has_registry),
    RegistryRule("R302", "names differ by more than case", "refuse", differs_by_more_than_case),
    RegistryRule("R303", "no folder is too wide", "refuse", not_too_wide),
    RegistryRule("R304", "no folder is growing too wide", "warn", not_wide),
    RegistryRule("R305", "each namespace has owners", "refuse", has_owners),
)
