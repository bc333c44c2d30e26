"""Rules about names, which are given once and for good: of namespaces, models, versions and tags."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from registry_tool.checks.rule import ChangeRule, ChangeView, Hit, Located, Rule
from registry_tool.checks.rules.publication import put_back, state_of
from registry_tool.checks.rules.wording import command, named
from registry_tool.manifests.data import text
from registry_tool.manifests.layout import MODELS, Place
from registry_tool.names import fold, fold_model
from registry_tool.schemes import next_version

if TYPE_CHECKING:
    from registry_tool.git.line import Line

__all__ = ["RULES"]

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


def _gone(view: ChangeView, line: Line, given: Iterable[Place]) -> dict[_Name, tuple[str, Place]]:
    """The names that were given once where these are, and are not there any more, with the file that had them."""
    paths = line.vanished(*{_given_in(view, place) for place in given})
    located = ((path, view.base.layout.locate(path)) for path in sorted(paths))
    return {
        _name_of(place): (path, place)
        for path, place in located
        if place is not None and place.kind in _NAMING
    }


def _restores(view: ChangeView, line: Line, change: Located) -> bool:
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


def names_are_given_once(view: ChangeView) -> Iterator[Hit]:
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
            yield Hit(
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


def tags_stay(view: ChangeView) -> Iterator[Hit]:
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
        yield Hit(
            f"the tag {_shown(place)} is published, and this {does} it",
            path=change.path,
            at=("version",) if does == "moves" else (),
            found=becomes if does == "moves" else "",
            expected=f"version: {was}" if was else "the tag as it was",
            remedy=f"{put_back(view, change.path)}; a name that moves is an alias: "
            f"registry alias set {named(str(place.model))}@VERSION ALIAS",
        )


def names_stay(view: ChangeView) -> Iterator[Hit]:
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
        yield Hit(
            f"{_shown(place)} is published, and this deletes it",
            path=change.path,
            place=(1, 1),
            expected="a name that stays",
            remedy=remedy,
        )


RULES: tuple[Rule, ...] = (
    ChangeRule("C403", "a name is given once", "refuse", names_are_given_once),
    ChangeRule("C404", "a tag stays where it is", "refuse", tags_stay),
    ChangeRule("C413", "models and namespaces are not deleted", "refuse", names_stay),
)
