"""Rules about names: they are well formed, unambiguous, permanent, and never reused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final

from registry_tool.catalog.catalog import ModelView
from registry_tool.checks.rule import (
    ChangeRule,
    ChangeView,
    FileRule,
    FileView,
    Located,
    ModelRule,
    Violation,
    command,
    find_state,
    format_name,
    put_back,
)
from registry_tool.errors import InvalidNameError
from registry_tool.manifests.data import text
from registry_tool.manifests.layout import MODELS, Layout, Place
from registry_tool.names import (
    RESERVED,
    check_model,
    check_namespace,
    check_pointer,
    check_version,
    fold,
    fold_model,
)
from registry_tool.versioning import next_version

if TYPE_CHECKING:
    from registry_tool.git.history import FirstParentHistory

__all__ = [
    "RULES",
    "check_artifact_file",
    "is_well_named",
]

_ARTIFACT_PATH = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._+ -]{0,198}[A-Za-z0-9_])?")
# Names an artifact's bytes may not take: they are those of manifests, or of folders that hold manifests.
_TAKEN = frozenset(
    fold(name)
    for name in (
        "version.yaml", "metadata.yaml", "status.yaml", "key.yaml", "model.yaml", "CARD.md",
        "evidence", "versions", "tags", "aliases",
    )
)  # fmt: skip

_OBJECT = re.compile(
    r"[a-z]{1,64}/[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?/[a-z0-9](?:[a-z0-9._-]{0,126}[a-z0-9])?"
)
_ARTICLES = {"tag": "a tag", "alias": "an alias", "evidence": "evidence", "waiver": "a waiver"}


def check_artifact_file(name: str) -> str:
    """Return the file name of an artifact, if it is valid.

    Raises:
        InvalidNameError: No artifact can have this name.
    """
    if fold(name) in _TAKEN or fold(name).endswith(".dvc"):
        raise InvalidNameError(
            f"{format_name(name)} is reserved for the registry's own files",
            remedy="rename the artifact's file and add it again",
        )
    if not _ARTIFACT_PATH.fullmatch(name):
        raise InvalidNameError(
            f"{format_name(name)} is not a file name for an artifact",
            remedy="use 1 to 200 of A-Z a-z 0-9 _, with spaces and - . + inside",
        )
    return name


def _pointer(name: str, what: str) -> str:
    """The name of a tag, alias, evidence or waiver itself, or InvalidName in the words of this rule."""
    try:
        return check_pointer(name, what)
    except InvalidNameError as exc:
        if name in RESERVED:
            raise
        raise InvalidNameError(
            f"{format_name(name)} is not a name for {_ARTICLES[what]}",
            remedy="use 1 to 64 of a-z 0-9, with - . _ inside",
        ) from exc


def _check_object(name: str) -> str:
    """The name of an object itself, ``<api>/<kind>/<slug>``, or InvalidName."""
    if _OBJECT.fullmatch(name):
        return name
    raise InvalidNameError(
        f"{format_name(name)} is not the name of an object",
        remedy="use a-z 0-9 with - and _ inside for the kind, and with - . _ inside for the slug",
    )


@lru_cache(1 << 14)  # the names of folders are met with each file in them
def _trouble(check: Callable[[str], str], name: str) -> InvalidNameError | None:
    try:
        check(name)
    except InvalidNameError as exc:
        return exc.with_traceback(None)
    return None


# How the name of the file itself is checked, by its kind.
_LAST: Final[dict[str, Callable[[str], str]]] = {
    "dvc": check_artifact_file,
    "object": _check_object,
    **{kind: partial(_pointer, what=kind) for kind in _ARTICLES},
}


def _parts(place: Place, layout: Layout) -> Iterator[tuple[Callable[[str], str], str, str]]:
    """Each name in a path: its check, the name, and the file for which it is reported."""
    if place.kind == "namespace":
        yield check_namespace, place.name, ""
    if place.model is not None:
        folder = layout.model(place.model)
        home = f"{layout.namespace(place.model.namespace)}/namespace.yaml"
        yield check_namespace, place.model.namespace, home
        yield check_model, place.model.name, f"{folder}/model.yaml"
        if place.version is not None:
            yield check_version, place.version, f"{layout.subject(place)}/version.yaml"
    last = _LAST.get(place.kind)
    if last is not None:
        yield last, place.name, ""


def is_well_named(place: Place, layout: Layout) -> bool:
    """True when every name in a path is well formed."""
    return not any(_trouble(check, name) for check, name, _ in _parts(place, layout))


def well_formed(file: FileView) -> Iterator[Violation]:
    """Every name in a path must be well formed, and not a reserved one.

    Names become references, folders on every system, and lines in terminals and logs. With letters that look like ASCII,
    control characters or spaces, one name could pass for another. ``latest`` always means the highest version.

    How to fix: rename the folder or file with ``git mv``; names are permanent once they are on the main branch.

    Example:
        ``models/nlp/lang-id/aliases/Production.yaml``: aliases are lower case.
    """
    place = file.location
    if place is None:
        return
    for check, name, home in _parts(place, file.catalog.layout):
        trouble = _trouble(check, name)
        if trouble is None:
            continue
        # A bad folder name is one mistake, not one for each file inside: it is reported for the folder's own manifest.
        if home and home != file.path and file.catalog.tree.entry(home) is not None:
            continue
        yield Violation(trouble.message, found=format_name(name), remedy=trouble.remedy)


def one_meaning(model: ModelView) -> Iterator[Violation]:
    """No name of a model may be both a tag and an alias, or equal one of its versions or drafts.

    ``lang-id@stable`` must mean one thing. A tag never moves and an alias does, so users of a name that is both could not
    rely on either.

    How to fix: remove one of the two: ``registry alias rm``, or delete a tag that is not yet on the main branch.

    Example:
        ``tags/stable.yaml`` next to ``aliases/stable.yaml``.
    """
    versions = {fold(draft): f"draft {format_name(draft)}" for draft in model.drafts}
    versions |= {fold(version): f"version {format_name(version)}" for version in model.versions}
    tags = frozenset(fold(tag) for tag in model.tags)
    layout = model.catalog.layout
    for kind, pointers, path_of in (
        ("tag", model.tags, layout.tag),
        ("alias", model.aliases, layout.alias),
    ):
        for pointer in pointers:
            twin = versions.get(fold(pointer))
            if fold(pointer) in RESERVED:
                continue
            if twin is not None:
                yield Violation(
                    f"{kind} {format_name(pointer)} of {format_name(str(model.name))} is also {twin}",
                    path=path_of(model.name, pointer),
                    expected="a name that no version has",
                    remedy=f"give the {kind} another name",
                )
            if kind == "alias" and fold(pointer) in tags:
                yield Violation(
                    f"{format_name(pointer)} is both a tag and an alias of {format_name(str(model.name))}",
                    path=path_of(model.name, pointer),
                    expected="one of the two",
                    # Which of the two is new is unknown here, and advice to move production must not be given lightly.
                    remedy=f"remove the newer one: delete {format_name(layout.tag(model.name, pointer))}; "
                    f"or: registry alias rm {format_name(str(model.name))} {format_name(pointer)}",
                )


_NAMING = frozenset({"namespace", "model", "version", "tag"})

# The identity of a name: what kind of thing has it, and the name with all that contains it.
_Name = tuple[str, str, str, str]


def _build_name(place: Place) -> _Name:
    """Versions, tags and aliases of a model share one name space."""
    if place.model is None:
        return ("namespace", fold(place.name), "", "")
    kind = "model" if place.kind == "model" else "selector"
    last = "" if kind == "model" else fold(place.version or place.name)
    return (kind, fold(place.model.namespace), fold_model(place.model.name), last)


def _describe(place: Place) -> str:
    if place.model is None:
        return f"namespace {format_name(place.name)}"
    if place.kind == "model":
        return format_name(str(place.model))
    return format_name(f"{place.model}@{place.version or place.name}")


def _list_given(view: ChangeView, kinds: frozenset[str]) -> list[tuple[Located, Place]]:
    """The names of some kinds that a change gives."""
    return [
        (change, change.place)
        for change in view.changes
        if change.added and change.place is not None and change.place.kind in kinds
    ]


def _given_in(view: ChangeView, place: Place) -> str:
    """The folder in whose past a name would be found."""
    layout = view.base.layout
    if place.model is None:
        return MODELS
    return (
        layout.namespace(place.model.namespace)
        if place.kind == "model"
        else layout.model(place.model)
    )


def _find_gone(
    view: ChangeView, line: FirstParentHistory, given: Iterable[Place]
) -> dict[_Name, tuple[str, Place]]:
    """The names that existed once in the folders of these and do not exist any more, with the file that had them."""
    paths = line.removed_names(*{_given_in(view, place) for place in given})
    located = ((path, view.base.layout.locate(path)) for path in sorted(paths))
    return {
        _build_name(place): (path, place)
        for path, place in located
        if place is not None and place.kind in _NAMING
    }


def _restores(view: ChangeView, line: FirstParentHistory, change: Located) -> bool:
    """True for a file that is restored unchanged: then its name keeps its meaning."""
    last = next((touch for touch in line.touches(change.path) if touch.path == change.path), None)
    if last is None or last.before is None or change.head is None:
        return False
    head = change.head
    if not head.oid:  # on disk
        source = view.head.tree.read(change.path) or b""
        head = head._replace(
            oid=line.git.run("hash-object", "--stdin", stdin=source).decode().strip()
        )
    return head == last.before


def _instead(view: ChangeView, place: Place, gone: Iterable[_Name]) -> str:
    """The next step: for a version of the scheme ``integer``, the next number that was never used."""
    model = view.head.model(place.model) if place.kind == "version" and place.model else None
    if model is None:
        return "choose another name"
    own = _build_name(place)[:-1]
    taken = {*(name[-1] for name in gone if name[:-1] == own), *model.tags, *model.aliases}
    number = next_version(model.scheme, [*model.versions, *model.drafts], taken)
    if number is None:
        return "choose another name"
    subject = format_name(str(model.name))
    return f"use another version: registry version add {subject} {number} --artifact PATH --framework TYPE"


def names_are_given_once(view: ChangeView) -> Iterator[Violation]:
    """The name of a deleted namespace, model, version or tag must not be reused for something else.

    The name may be in a serving configuration, a paper or a contract. It must never mean something else, not as an alias
    either. The rule reads the history of the main branch; a shallow clone cannot decide, and the report says so. Restoring
    a file byte for byte is allowed, and so is setting a removed alias again.

    How to fix: choose another name, or the next version.

    Example:
        Version 3 was deleted without the hooks, and a training job adds another version 3.
    """
    given = _list_given(view, _NAMING | {"alias"})
    if view.line is None or not given:
        return
    gone = _find_gone(view, view.line, [place for _, place in given])
    for change, place in given:
        path, was = gone.get(_build_name(place), ("", place))
        if path and not (path == change.path and _restores(view, view.line, change)):
            again = _describe(was) if was.kind == place.kind else f"the {was.kind} {_describe(was)}"
            yield Violation(
                f"{_describe(place)} existed before; its name cannot be reused",
                path=change.path,
                place=(1, 1),
                found="" if again == _describe(place) else again,
                expected="a name that was never used",
                remedy=f"{_instead(view, place, gone)}; its history: {command('git log', path)}",
            )


def _erased_with_it(view: ChangeView, place: Place, path: str) -> bool:
    """True for a tag whose version is erased, so that the tag has no target."""
    tag = view.base.document(path, place)
    model = None if place.model is None else view.head.model(place.model)
    if tag is None or model is None:
        return False
    return find_state(model.version(text(tag.data, "version"))) == "erased"


def tags_stay(view: ChangeView) -> Iterator[Violation]:
    """A tag never moves, and is deleted only when its version is erased.

    People cite tags. If a tag moved, an earlier citation would mean another version; use an alias for that.

    How to fix: restore the tag with the command in the finding, and add another tag or set an alias.

    Example:
        a change edits ``tags/v4-edge.yaml`` from version 4 to version 5.
    """
    for change in view.changes:
        place = change.place
        if place is None or place.kind != "tag" or change.added:
            continue
        if change.removed and _erased_with_it(view, place, change.path):
            continue
        before = view.base.document(change.path, place)
        after = view.head.document(change.path, place)
        was = "" if before is None else text(before.data, "version")
        becomes = "" if after is None else text(after.data, "version")
        does = "deletes" if change.removed else "edits" if was == becomes else "moves"
        yield Violation(
            f"tag {_describe(place)} is published; this change {does} it",
            path=change.path,
            at=("version",) if does == "moves" else (),
            found=becomes if does == "moves" else "",
            expected=f"version: {was}" if was else "the published tag",
            remedy=f"{put_back(view, change.path)}; for a movable name, use an alias: "
            f"registry alias set {format_name(str(place.model))}@VERSION ALIAS",
        )


def names_stay(view: ChangeView) -> Iterator[Violation]:
    """Models and namespaces must not be deleted or renamed.

    References to them are in places that this registry does not know. Archive a model that is no longer used. To rename a
    model, add a new one with ``continues``, and set ``moved_to`` in the old one.

    How to fix: restore the file with the command in the finding, then run ``registry archive``.

    Example:
        ``git mv models/nlp/lang-id models/nlp/language-id``.
    """
    for change in view.changes:
        place = change.place
        if place is None or not change.removed or place.kind not in {"namespace", "model"}:
            continue
        remedy = put_back(view, change.path)
        if place.model is not None:
            remedy += (
                f"; then: registry archive {format_name(str(place.model))}; or write `moved_to`"
            )
        yield Violation(
            f"{_describe(place)} is published; this change deletes it",
            path=change.path,
            place=(1, 1),
            expected="names are permanent",
            remedy=remedy,
        )


# Names of the registry's own files that artifacts could have in earlier releases.
_TAKEN_LATER = frozenset(
    {"title.yaml", "wire.yaml", "deletion.yaml", "draft.yaml", "titles", "drafts"}
)


def artifacts_leave_names_free(view: ChangeView) -> Iterator[Violation]:
    """A new artifact must not have the name of one of the registry's own files or folders.

    Its content would be next to its pointer, where the registry looks for that file. Artifacts that are published with such a
    name keep it.

    How to fix: rename the artifact's file and add it again.

    Example:
        ``versions/4/wire.yaml.dvc``
    """
    for change in view.changes:
        place = change.place
        if place is None or place.kind != "dvc" or not change.added:
            continue
        if fold(place.name) in _TAKEN_LATER:
            yield Violation(
                f"{format_name(place.name)} is reserved for the registry's own files",
                path=change.path,
                place=(1, 1),
                found=format_name(place.name),
                expected="another name",
                remedy="rename the artifact's file and add it again",
            )


RULES = (
    ChangeRule(
        "C432",
        "new artifacts leave the registry's names free",
        "refuse",
        artifacts_leave_names_free,
    ),
    FileRule("F110", "the names in the path are well formed", "refuse", well_formed),
    ModelRule("M205", "a name means one thing", "refuse", one_meaning),
    ChangeRule("C403", "a name is never reused", "refuse", names_are_given_once),
    ChangeRule("C404", "a tag never moves", "refuse", tags_stay),
    ChangeRule("C413", "models and namespaces are not deleted", "refuse", names_stay),
)
