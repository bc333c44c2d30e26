"""Rules about the names in paths, and about names that mean two things.

Rules about names, which are given once and for good: of namespaces, models, versions and tags.
"""

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
    named,
    put_back,
    state_of,
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

_ARTICLES = {"tag": "a tag", "alias": "an alias", "evidence": "evidence", "waiver": "a waiver"}


def check_artifact_file(name: str) -> str:
    """The file name of an artifact's bytes itself.

    Raises:
        InvalidNameError: No artifact can be called so.
    """
    if fold(name) in _TAKEN or fold(name).endswith(".dvc"):
        raise InvalidNameError(
            f"{named(name)} is a name of the registry's own files",
            remedy="rename the artifact's file and add it again",
        )
    if not _ARTIFACT_PATH.fullmatch(name):
        raise InvalidNameError(
            f"{named(name)} is not a file name for an artifact",
            remedy="it has 1 to 200 of A-Z a-z 0-9 _ with blanks and - . + inside",
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
            f"{named(name)} is not a name for {_ARTICLES[what]}",
            remedy="it has 1 to 64 of a-z 0-9 with - . _ inside",
        ) from exc


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
    **{kind: partial(_pointer, what=kind) for kind in _ARTICLES},
}


def _parts(place: Place, layout: Layout) -> Iterator[tuple[Callable[[str], str], str, str]]:
    """Each name in a path: its check, the name, and the file that answers for it."""
    if place.kind == "namespace":
        yield check_namespace, place.name, ""
    if place.model is not None:
        folder = layout.model(place.model)
        home = f"{layout.namespace(place.model.namespace)}/namespace.yaml"
        yield check_namespace, place.model.namespace, home
        yield check_model, place.model.name, f"{folder}/model.yaml"
        if place.version is not None:
            yield check_version, place.version, f"{folder}/versions/{place.version}/version.yaml"
    last = _LAST.get(place.kind)
    if last is not None:
        yield last, place.name, ""


def is_well_named(place: Place, layout: Layout) -> bool:
    """True when every name in a path is well formed."""
    return not any(_trouble(check, name) for check, name, _ in _parts(place, layout))


def well_formed(file: FileView) -> Iterator[Violation]:
    """Every name in a path must be well formed, and not a reserved one.

    Names become references, folders on every system and lines in terminals and logs. Letters that only look like
    ASCII ones, control characters and blanks would let one name pass for another. ``latest`` always means the
    highest version.

    Mend it: rename the folder or file with ``git mv``; names are permanent once they are on the main branch.

    Example:
        ``models/nlp/lang-id/aliases/Production.yaml``: an alias is in lower case.
    """
    place = file.location
    if place is None:
        return
    for check, name, home in _parts(place, file.catalog.layout):
        trouble = _trouble(check, name)
        if trouble is None:
            continue
        # A bad folder name is one mistake, not one for each file inside: the folder's own manifest answers for it.
        if home and home != file.path and file.catalog.tree.entry(home) is not None:
            continue
        yield Violation(trouble.message, found=named(name), remedy=trouble.remedy)


def one_meaning(model: ModelView) -> Iterator[Violation]:
    """No name of a model may be both a tag and an alias, or equal one of its versions.

    ``lang-id@stable`` must mean one thing. A tag stays where it is and an alias moves, so a name that is both
    would be trusted for what it is not.

    Mend it: remove one of the two: ``registry alias rm``, or delete a tag that is not yet on the main branch.

    Example:
        ``tags/stable.yaml`` beside ``aliases/stable.yaml``.
    """
    versions = {fold(version): version for version in model.versions}
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
                    f"{kind} {named(pointer)} of {named(str(model.name))} is also version {named(twin)}",
                    path=path_of(model.name, pointer),
                    expected="a name that no version has",
                    remedy=f"give the {kind} another name",
                )
            if kind == "alias" and fold(pointer) in tags:
                yield Violation(
                    f"{named(pointer)} is both a tag and an alias of {named(str(model.name))}",
                    path=path_of(model.name, pointer),
                    expected="one of the two",
                    # Which of the two is new is not said here, and moving production away is no light advice.
                    remedy=f"take back the newer one: delete {named(layout.tag(model.name, pointer))}; "
                    f"or: registry alias rm {named(str(model.name))} {named(pointer)}",
                )


_NAMING = frozenset({"namespace", "model", "version", "tag"})

# What tells two names apart: what kind of thing has it, and the name with all that it lies in.
_Name = tuple[str, str, str, str]


def _name_of(place: Place) -> _Name:
    """Versions, tags and aliases of a model share one name space."""
    if place.model is None:
        return ("namespace", fold(place.name), "", "")
    kind = "model" if place.kind == "model" else "selector"
    last = "" if kind == "model" else fold(place.version or place.name)
    return (kind, fold(place.model.namespace), fold_model(place.model.name), last)


def _shown(place: Place) -> str:
    if place.model is None:
        return f"namespace {named(place.name)}"
    if place.kind == "model":
        return named(str(place.model))
    return named(f"{place.model}@{place.version or place.name}")


def _given(view: ChangeView, kinds: frozenset[str]) -> list[tuple[Located, Place]]:
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


def _gone(
    view: ChangeView, line: FirstParentHistory, given: Iterable[Place]
) -> dict[_Name, tuple[str, Place]]:
    """The names that were given once where these are, and are not there any more, with the file that had them."""
    paths = line.removed_names(*{_given_in(view, place) for place in given})
    located = ((path, view.base.layout.locate(path)) for path in sorted(paths))
    return {
        _name_of(place): (path, place)
        for path, place in located
        if place is not None and place.kind in _NAMING
    }


def _restores(view: ChangeView, line: FirstParentHistory, change: Located) -> bool:
    """True for a file that comes back as it was: then its name means what it meant."""
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
    """The next step: for a version that is counted, the next number that nothing has and nothing had."""
    model = view.head.model(place.model) if place.kind == "version" and place.model else None
    if model is None:
        return "take another name"
    own = _name_of(place)[:-1]
    taken = {*(name[-1] for name in gone if name[:-1] == own), *model.tags, *model.aliases}
    number = next_version(model.scheme, model.versions, taken)
    if number is None:
        return "take another name"
    subject = named(str(model.name))
    return f"take another: registry version add {subject} {number} --artifact PATH --framework TYPE"


def names_are_given_once(view: ChangeView) -> Iterator[Violation]:
    """A namespace, model, version or tag that was once there and is gone does not come back as something else.

    Somebody has written that name down: in a serving configuration, in a paper, in a contract. It must never mean
    another thing, not as an alias either. The history of the main branch is asked, so a shallow clone cannot answer,
    and says so. A file that comes back byte for byte is welcome, and so is an alias that is set again.

    Mend it: take another name, or the next version.

    Example:
        Version 3 was deleted past the hooks, and a training job adds another version 3.
    """
    given = _given(view, _NAMING | {"alias"})
    if view.line is None or not given:
        return
    gone = _gone(view, view.line, [place for _, place in given])
    for change, place in given:
        path, was = gone.get(_name_of(place), ("", place))
        if path and not (path == change.path and _restores(view, view.line, change)):
            again = _shown(was) if was.kind == place.kind else f"the {was.kind} {_shown(was)}"
            yield Violation(
                f"{_shown(place)} was there once, and its name is not given again",
                path=change.path,
                place=(1, 1),
                found="" if again == _shown(place) else again,
                expected="a name that nothing ever had",
                remedy=f"{_instead(view, place, gone)}; what it was: {command('git log', path)}",
            )


def _erased_with_it(view: ChangeView, place: Place, path: str) -> bool:
    """True for a tag whose version is erased, so that there is nothing left to name."""
    tag = view.base.document(path, place)
    model = None if place.model is None else view.head.model(place.model)
    if tag is None or model is None:
        return False
    return state_of(model.version(text(tag.data, "version"))) == "erased"


def tags_stay(view: ChangeView) -> Iterator[Violation]:
    """A tag never moves, and goes only with the version it names, when that is erased.

    A tag is what people quote. One that moved would make yesterday's quotation mean another model; that is what an alias
    is for.

    Mend it: put the tag back with the command of the finding, and add another tag or set an alias.

    Example:
        ``tags/v4-edge.yaml`` named version 4, and a change makes it name version 5.
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
        does = "deletes" if change.removed else "changes" if was == becomes else "moves"
        yield Violation(
            f"the tag {_shown(place)} is published, and this {does} it",
            path=change.path,
            at=("version",) if does == "moves" else (),
            found=becomes if does == "moves" else "",
            expected=f"version: {was}" if was else "the tag as it was",
            remedy=f"{put_back(view, change.path)}; a name that moves is an alias: "
            f"registry alias set {named(str(place.model))}@VERSION ALIAS",
        )


def names_stay(view: ChangeView) -> Iterator[Violation]:
    """A model and a namespace are not deleted, and so not renamed.

    References to them are in places that this registry does not know. A model that has come to its end is archived; one
    that gets another name is added under it with ``continues``, and the old one says ``moved_to``.

    Mend it: put the file back with the command of the finding, then ``registry archive``.

    Example:
        ``git mv models/nlp/lang-id models/nlp/language-id``.
    """
    for change in view.changes:
        place = change.place
        if place is None or not change.removed or place.kind not in {"namespace", "model"}:
            continue
        remedy = put_back(view, change.path)
        if place.model is not None:
            remedy += f"; then: registry archive {named(str(place.model))}; or write `moved_to`"
        yield Violation(
            f"{_shown(place)} is published, and this deletes it",
            path=change.path,
            place=(1, 1),
            expected="a name that stays",
            remedy=remedy,
        )


RULES = (
    FileRule("F110", "the names in the path are well formed", "refuse", well_formed),
    ModelRule("M205", "a name means one thing", "refuse", one_meaning),
    ChangeRule("C403", "a name is given once", "refuse", names_are_given_once),
    ChangeRule("C404", "a tag stays where it is", "refuse", tags_stay),
    ChangeRule("C413", "models and namespaces are not deleted", "refuse", names_stay),
)
