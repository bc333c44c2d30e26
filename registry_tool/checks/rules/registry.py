"""Rules about the registry as a whole: its folders, the order of its stages, and the kind and policy of changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.change_kind import ALONE, classify_change, classify_file
from registry_tool.checks.rule import (
    ChangeRule,
    ChangeView,
    FileRule,
    FileView,
    Located,
    ModelRule,
    ModelUnderCheck,
    RegistryRule,
    RegistryView,
    Violation,
    command,
    format_name,
)
from registry_tool.git.tree import DEEPEST
from registry_tool.manifests.data import Data, get, member, records, text
from registry_tool.manifests.layout import MODELS, REGISTRY, WAIVERS
from registry_tool.manifests.problems import show_value
from registry_tool.names import fold, fold_model
from registry_tool.promotion.stages import parse_soak

__all__ = [
    "RULES",
]

_WIDE = 1000
_TOO_WIDE = 3000
_SPLIT = "use more namespaces or models, or `shard` in a new registry.yaml"


def has_registry(view: RegistryView) -> Iterator[Violation]:
    """A registry must have ``registry.yaml`` at its root.

    It names the registry and contains its policy; without it this is an ordinary repository.

    How to fix: ``registry init`` creates a new registry; in an existing one, restore the file from Git's history.

    Example:
        ``registry.yaml`` was renamed to ``registry.yml``.
    """
    if view.catalog.registry is None:
        yield Violation(
            "registry.yaml is missing",
            path=REGISTRY,
            expected="registry.yaml at the root of the repository",
            remedy="restore the file: git checkout HEAD -- registry.yaml; or create a registry: registry init DIR --name NAME",
        )


def _twins(names: Iterable[str], folded: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Pairs of names that fold to one: the first in order, lower case before upper case, and each later one."""
    seen: dict[str, str] = {}
    names = list(names)
    if len(set(map(folded, names))) == len(names):  # there is nothing to put in order
        return
    for name in sorted(names, key=str.swapcase):
        first = seen.setdefault(folded(name), name)
        if first != name:
            yield first, name


def _twin(first: str, second: str, path: str, what: str, differ: str) -> Violation:
    return Violation(
        f"{what} {format_name(first)} and {format_name(second)} differ only by {differ}",
        path=path,
        found=f"{format_name(first)} and {format_name(second)}",
        expected=f"names that differ by more than {differ}",
        remedy="rename the newer one with `git mv`, or delete it",
    )


def _twin_models(view: RegistryView) -> Iterator[Violation]:
    wanted = frozenset(view.models)
    for namespace in view.namespaces:
        models = {name.name: name for name in view.catalog.model_names(namespace)}
        for first, second in _twins(models, fold_model):
            if view.complete or wanted & {models[first], models[second]}:
                path = f"{view.catalog.layout.model(models[second])}/model.yaml"
                yield _twin(first, second, path, "the models", "case or by - _ .")


def _twin_files(catalog: Catalog, folder: str) -> Iterator[Violation]:
    for first, second in _twins(catalog.tree.folder(folder), fold):
        path = f"{folder}/{second}" if folder else second
        yield _twin(first, second, path, "the files or folders", "case")


def differs_by_more_than_case(view: RegistryView) -> Iterator[Violation]:
    """No two namespaces, models or top-level files may differ only by case; models also not by ``-``, ``_``, ``.``.

    A checkout on Windows or macOS can contain only one of two such files and silently loses the other, and people
    confuse two such models.

    How to fix: rename the newer one before it is merged into the main branch.

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


def files_differ_by_more_than_case(model: ModelUnderCheck) -> Iterator[Violation]:
    """No two files of a model or of a version may differ only by case.

    A checkout on Windows or macOS can contain only one of them and silently loses the other.

    How to fix: rename the newer one before it is merged into the main branch.

    Example:
        ``versions/4/CARD.md`` and ``versions/4/card.md``.
    """
    folders = [model.folder + inner for inner in ("", "/tags", "/aliases", "/evidence")]
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
        folders.extend(f"{folder}/{inner}" for inner in ("versions", "drafts", "tags", "aliases"))
    tree.prefetch(folders)
    for folder in folders:
        yield folder, len(tree.folder(folder))


def _wide(folder: str, width: int, limit: int) -> Violation:
    return Violation(
        f"{format_name(folder)} has {width:,} entries",
        path=folder,
        found=f"{width:,} entries",
        expected=f"at most {limit:,}",
        remedy=_SPLIT,
    )


def not_too_wide(view: RegistryView) -> Iterator[Violation]:
    """No folder of the registry may have more than 3,000 entries.

    Git rewrites the whole listing of a folder for each change in it, and hosts do not show folders of that size.

    How to fix: use more namespaces or models; a registry that expects one huge namespace sets ``shard`` when it is created.

    Example:
        A namespace with 3,001 models.
    """
    for folder, width in _widths(view):
        if width > _TOO_WIDE:
            yield _wide(folder, width, _TOO_WIDE)


def not_wide(view: RegistryView) -> Iterator[Violation]:
    """A folder of the registry should not have more than 1,000 entries.

    It still works, but at 3,000 entries the registry refuses more: plan where the next thousand go.

    How to fix: use more namespaces or models.

    Example:
        A model with 1,001 versions.
    """
    for folder, width in _widths(view):
        if _WIDE < width <= _TOO_WIDE:
            yield _wide(folder, width, _WIDE)


def has_owners(view: RegistryView) -> Iterator[Violation]:
    """Each namespace must have a ``namespace.yaml`` that names its owners.

    The owners are responsible for the models in it and review changes to them.

    How to fix: add ``models/NAMESPACE/namespace.yaml`` with ``schema: namespace/v1`` and ``owners``.

    Example:
        ``models/nlp/lang-id/model.yaml`` was added, and ``models/nlp/namespace.yaml`` is missing.
    """
    present = frozenset(view.catalog.namespaces())
    for namespace in view.namespaces:
        if namespace in present and view.catalog.namespace(namespace) is None:
            path = f"{view.catalog.layout.namespace(namespace)}/namespace.yaml"
            yield Violation(
                f"namespace {format_name(namespace)} has no namespace.yaml",
                path=path,
                expected=f"{format_name(path)} with `owners`",
                remedy="create it with the lines `schema: namespace/v1` and `owners: ['@org/team']`",
            )


def not_too_deep(file: FileView) -> Iterator[Violation]:
    """No folder may be more than 1,000 levels deep.

    Git itself reads 2,048 levels, on Windows 512, and no system can check out a path of that length. A check does not read
    deeper folders, so they are refused.

    How to fix: delete the outermost folder of the chain with ``git rm -r``.

    Example:
        ``a/a/a/…`` with 3,000 nested folders.
    """
    if file.entry.is_folder:
        outermost = file.path.split("/", 1)[0]
        yield Violation(
            f"a folder in {format_name(outermost)} is more than {DEEPEST:,} levels deep",
            path=outermost,
            found=f"more than {DEEPEST:,} levels",
            expected=f"at most {DEEPEST:,}",
            remedy=command("git rm -r", outermost),
        )


def _comes_back(stages: Data, start: str) -> bool:
    """True when following ``from`` leads back to a stage."""
    seen: set[str] = set()
    current = text(stages, start, "from")
    while current and current not in seen:
        if current == start:
            return True
        seen.add(current)
        current = text(stages, current, "from")
    return False


def _order(path: str, own: Data, stages: Data) -> Iterator[Violation]:
    """Find errors of ``from`` in the stages of one file, among all stages that apply there."""
    for name in own:
        before = text(own, name, "from")
        if before and before not in stages:
            yield Violation(
                f"stage {name} comes from {before}, which is not a stage",
                path=path,
                at=("stages", name, "from"),
                found=before,
                expected="one of " + ", ".join(stages),
                remedy=f"add the stage {before}, or correct `from`",
            )
        elif _comes_back(stages, name):
            yield Violation(
                f"`from` of stage {name} leads back to {name}",
                path=path,
                at=("stages", name, "from"),
                found=before,
                expected="an order with a first stage",
                remedy="delete `from` in the stage that comes first",
            )


def _looser(wanted: Data, own: Data) -> Iterator[tuple[str, str, str]]:
    """The fields in which a stage requires less than the registry's: field, found, expected."""
    if text(own, "from") != text(wanted, "from"):
        yield "from", text(own, "from") or "nothing", text(wanted, "from") or "nothing"
    if parse_soak(text(own, "soak")) < parse_soak(text(wanted, "soak")):
        yield "soak", text(own, "soak") or "nothing", f"at least {text(wanted, 'soak')}"
    gates = records(own, "require")
    for gate in records(wanted, "require"):
        if gate not in gates:
            yield "require", f"{len(gates)} gates without it", show_value(dict(gate))


def _check_tightened(path: str, own: Data, stages: Data) -> Iterator[Violation]:
    for name in own:
        if name not in stages:
            continue
        for field, found, expected in _looser(member(stages, name), member(own, name)):
            at = ("stages", name, field) if get(own, name, field) is not None else ("stages", name)
            yield Violation(
                f"`{field}` of stage {name} requires less than {REGISTRY} does",
                path=path,
                at=at,
                found=found,
                expected=expected,
                remedy=f"copy the stage from {REGISTRY}, then add to it",
            )


def stages_hold(view: RegistryView) -> Iterator[Violation]:
    """Stages must have an order that ends, and a namespace may only tighten them.

    ``from`` names the stage before, and the chain ends at a first stage. A stage in ``namespace.yaml`` replaces the
    registry's stage of the same name: it must have the same ``from``, at least the same ``soak``, and all of its gates
    unchanged. It may add gates, and a namespace may add stages. Otherwise a namespace could promote versions that the
    registry refuses.

    How to fix: copy the registry's stage to ``namespace.yaml``, then add to it.

    Example:
        ``registry.yaml`` requires ``{approvals: 2}``, and ``namespace.yaml`` only ``{approvals: 1}``.
    """
    stages = member(view.catalog.settings, "stages")
    yield from _order(REGISTRY, stages, stages)
    for namespace in view.namespaces:
        document = view.catalog.namespace(namespace)
        own = {} if document is None else member(document.data, "stages")
        if document is not None and own:
            yield from _order(document.path, own, {**stages, **own})
            yield from _check_tightened(document.path, own, stages)


_FIXED = ("shard",)
_SHOWN = 5


def _subject(change: Located) -> str:
    """Describe what a file is about; empty outside models and namespaces."""
    place = change.place
    if place is None or (place.model is None and place.kind != "namespace"):
        return ""
    return format_name(str(place.model)) if place.model else f"namespace {format_name(place.name)}"


def _acts(changes: list[Located]) -> str:
    """Describe what some files are, in a word or two."""
    kind = classify_change(changes)
    alone = sorted({classify_file(change) for change in changes} & ALONE)
    return ", ".join(alone) if kind == "mixed" and alone else kind or ""


def _parts(view: ChangeView) -> Iterator[str]:
    """What a change is made of, by what it is about."""
    groups: dict[str, list[Located]] = {}
    for change in view.changes:
        groups.setdefault(_subject(change), []).append(change)
    for subject, changes in sorted(groups.items()):
        yield f"{_acts(changes)} ({subject})" if subject else _acts(changes)


def _led_astray(view: ChangeView) -> Iterator[Located]:
    """The aliases of a change that come with new versions and point to none of them."""
    given = {
        (change.place.model, change.place.version)
        for change in view.changes
        if change.place is not None and change.place.kind == "version" and change.added
    }
    for change in view.changes:
        place = change.place
        if place is None or place.kind != "alias" or change.head is None:
            continue
        document = view.head.document(change.path, place)
        if document is not None and (place.model, text(document.data, "version")) not in given:
            yield change


def one_kind(view: ChangeView) -> Iterator[Violation]:
    """A change should be of one kind: a new model, a new version, a move of an alias, a tag, a status and so on.

    A pull request that adds a version and also changes another hides the second change behind the first, and no
    automerge policy applies to both. So a person decides. A new version may come with its tags, its evidence and the
    card of its model, but with nothing of another version. It may also come with an alias that points to it, and so may a
    draft that is sealed. A new model may come with its namespace, its first versions and aliases.

    How to fix: open two pull requests; the second may be based on the first.

    Example:
        ``versions/4/version.yaml`` is new and ``aliases/production.yaml`` moves to version 3.
    """
    first: dict[str, str] = {}
    for change in view.changes:
        first.setdefault(classify_file(change), change.path)
    # Other rules refuse changes to frozen files, and splitting the change does not help there.
    alone = [] if "frozen" in first else [path for act, path in first.items() if act in ALONE]
    kind = classify_change(view.changes)
    is_mixed = kind == "mixed" or (
        kind in {"version and alias", "seal and alias"} and any(_led_astray(view))
    )
    if is_mixed and len(alone) > 1:
        parts = list(_parts(view))
        more = f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
        yield Violation(
            "the change mixes several kinds",
            path=max(alone, key=lambda path: path.count("/")),
            place=(1, 1),
            found="; ".join(parts[:_SHOWN]) + more,
            expected="one kind of change per pull request",
            remedy="split it into one pull request per kind",
        )


def policy_is_seen(view: ChangeView) -> Iterator[Violation]:
    """A change to policy, owners or waivers must be reviewed by a person.

    These files decide how every later change is judged: ``registry.yaml``, ``namespace.yaml``, ``waivers/``, ``schemas/``,
    ``allowed_signers``, ``CODEOWNERS``, CI and merge bots (``.github/``, ``.gitlab-ci.yml``, ``.gitea/``,
    ``.circleci/``, ``Jenkinsfile``, ``azure-pipelines.yml``, ``.mergify.yml`` and similar files), and where content is
    stored. The published policy applies to the change itself, so a waiver cannot waive the change that adds it. This rule
    cannot be waived.

    How to fix: nothing to fix; an owner of the registry must review it.

    Example:
        a pull request lowers the severity of ``M208`` in ``registry.yaml``.
    """
    for change in view.changes:
        act = classify_file(change)
        if act in {"policy", "waiver"}:
            what = "a waiver" if act == "waiver" else "policy"
            done = "added" if change.added else "removed" if change.removed else "changed"
            yield Violation(
                f"{what} is {done}",
                path=change.path,
                place=(1, 1),
                remedy="an owner of the registry must review it",
            )


def layout_is_fixed(view: ChangeView) -> Iterator[Violation]:
    """The folder layout is fixed when the registry is created.

    ``shard`` determines the folder of each model; another value would make every path wrong at once, for readers, for
    open pull requests and for history. This rule cannot be waived.

    How to fix: restore the value.

    Example:
        ``shard: 2`` is added to the ``registry.yaml`` of a registry without shards.
    """
    if view.head.registry is None or view.head.registry.data is None:
        return
    for field in _FIXED:
        before, after = get(view.base.settings, field) or 0, get(view.head.settings, field) or 0
        if before != after:
            yield Violation(
                f"`{field}` is fixed since the registry was created",
                path=REGISTRY,
                at=(field,) if field in view.head.settings else (),
                found=str(after),
                expected=str(before),
                remedy=f"restore `{field}: {before}`" if before else f"delete `{field}`",
            )


RULES = (
    FileRule("F118", "no folder is too deep", "refuse", not_too_deep),
    ModelRule("M215", "files differ by more than case", "refuse", files_differ_by_more_than_case),
    RegistryRule("R301", "registry.yaml exists", "refuse", has_registry),
    RegistryRule("R302", "names differ by more than case", "refuse", differs_by_more_than_case),
    RegistryRule("R303", "no folder is too wide", "refuse", not_too_wide),
    RegistryRule("R304", "no folder is growing too wide", "warn", not_wide),
    RegistryRule("R305", "each namespace has owners", "refuse", has_owners),
    RegistryRule(
        "R309", "stages are ordered, and namespaces only tighten them", "refuse", stages_hold
    ),
    ChangeRule("C407", "a change is of one kind", "review", one_kind),
    ChangeRule("C409", "policy changes are reviewed", "review", policy_is_seen),
    ChangeRule("C410", "the layout is fixed", "refuse", layout_is_fixed),
)
