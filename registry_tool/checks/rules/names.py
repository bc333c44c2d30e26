"""Rules about the names in paths, and about names that mean two things."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Final

from registry_tool.catalog.index import ModelView
from registry_tool.checks.rule import FileRule, FileView, Hit, ModelRule, Rule
from registry_tool.checks.rules.wording import named
from registry_tool.errors import InvalidName
from registry_tool.manifests.layout import Layout, Place
from registry_tool.names import (
    RESERVED,
    check_model,
    check_namespace,
    check_pointer,
    check_version,
    fold,
)

__all__ = ["RULES", "check_artifact_file", "is_well_named"]

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
        InvalidName: No artifact can be called so.
    """
    if fold(name) in _TAKEN or fold(name).endswith(".dvc"):
        raise InvalidName(
            f"{named(name)} is a name of the registry's own files",
            remedy="rename the artifact's file and add it again",
        )
    if not _ARTIFACT_PATH.fullmatch(name):
        raise InvalidName(
            f"{named(name)} is not a file name for an artifact",
            remedy="it has 1 to 200 of A-Z a-z 0-9 _ with blanks and - . + inside",
        )
    return name


def _pointer(name: str, what: str) -> str:
    """The name of a tag, alias, evidence or waiver itself, or InvalidName in the words of this rule."""
    try:
        return check_pointer(name, what)
    except InvalidName as exc:
        if name in RESERVED:
            raise
        raise InvalidName(
            f"{named(name)} is not a name for {_ARTICLES[what]}",
            remedy="it has 1 to 64 of a-z 0-9 with - . _ inside",
        ) from exc


@lru_cache(1 << 14)  # the names of folders are met with each file in them
def _trouble(check: Callable[[str], str], name: str) -> InvalidName | None:
    try:
        check(name)
    except InvalidName as exc:
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


def well_formed(file: FileView) -> Iterator[Hit]:
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
        yield Hit(trouble.message, found=named(name), remedy=trouble.remedy)


def one_meaning(model: ModelView) -> Iterator[Hit]:
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
                yield Hit(
                    f"{kind} {named(pointer)} of {named(str(model.name))} is also version {named(twin)}",
                    path=path_of(model.name, pointer),
                    expected="a name that no version has",
                    remedy=f"give the {kind} another name",
                )
            if kind == "alias" and fold(pointer) in tags:
                yield Hit(
                    f"{named(pointer)} is both a tag and an alias of {named(str(model.name))}",
                    path=path_of(model.name, pointer),
                    expected="one of the two",
                    # Which of the two is new is not said here, and moving production away is no light advice.
                    remedy=f"take back the newer one: delete {named(layout.tag(model.name, pointer))}; "
                    f"or: registry alias rm {named(str(model.name))} {named(pointer)}",
                )


RULES: tuple[Rule, ...] = (
    FileRule("F110", "the names in the path are well formed", "refuse", well_formed),
    ModelRule("M205", "a name means one thing", "refuse", one_meaning),
)
