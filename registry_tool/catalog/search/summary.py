"""Summaries of models and versions: the few values that listings and queries need, ready to be compared.

``VersionSummary`` has two makers: ``catalog.VersionView`` reads each value from the files of a version when it is
needed, and ``VersionRow`` keeps them all. Which fields a row contains and which text a search looks into follows from the
tables of ``manifests/fields.py``. A row depends only on the model's folder, this program, and the registry's version scheme.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from sys import intern
from typing import Final, NamedTuple, Protocol

from registry_tool.catalog.catalog import ModelView, VersionView, names_for
from registry_tool.catalog.resolve import in_order
from registry_tool.errors import InvalidManifestError
from registry_tool.manifests.data import Data, member, text, texts
from registry_tool.manifests.fields import (
    LISTED_MODEL,
    LISTED_VERSION,
    MODEL_FIELDS,
    VERSION_FIELDS,
    Field,
    Match,
)
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName, fold_task

__all__ = [
    "ModelRow",
    "VersionRow",
    "VersionSummary",
    "comparable_value",
    "compose_text",
    "fold_text",
    "model_row",
    "named_row",
    "version_rows",
]

_OF_MODEL: Final = {field.name: number for number, field in enumerate(LISTED_MODEL)}
_OF_VERSION: Final = {field.name: number for number, field in enumerate(LISTED_VERSION)}


class _Read(NamedTuple):
    """How a field is read, worked out once: a registry has 100,000 versions."""

    kind: str
    path: tuple[str, ...]
    files: tuple[str, ...]
    repeats: bool


def _plan(fields: Iterable[Field]) -> tuple[_Read, ...]:
    return tuple(_Read(f.kind, f.path, f.files, bool(f.filter)) for f in fields)


_LISTED_OF_MODEL: Final = _plan(LISTED_MODEL)
_LISTED_OF_VERSION: Final = _plan(LISTED_VERSION)
_SEARCHED_OF_MODEL: Final = _plan(f for f in MODEL_FIELDS if f.is_searched)
_SEARCHED_OF_VERSION: Final = _plan(f for f in VERSION_FIELDS if f.is_searched)


class ModelRow(NamedTuple):
    """The summary of a model.

    Attributes:
        name: Its name.
        values: The text of its listed fields, in the order of ``LISTED_MODEL``; see ``get``.
        state: ``live``, ``archived`` or ``deleted``.
        labels: Sorted.
        text: The text that words are searched in, as ``fold_text`` returns it.
        unreadable: True when its record cannot be read; all else is empty then.
    """

    name: ModelName
    values: tuple[str, ...] = ("",) * len(LISTED_MODEL)
    state: str = ""
    labels: tuple[str, ...] = ()
    text: str = ""
    unreadable: bool = False

    def get(self, field: str) -> str:
        """The text of a listed field, such as ``task``; empty when the record does not have it."""
        return self.values[_OF_MODEL[field]]


class VersionSummary(Protocol):
    """What listings and queries need of a version; reading from files raises InvalidManifestError for broken ones."""

    @property
    def version(self) -> str:
        """Its name, without the model's."""
        ...

    @property
    def state(self) -> str:
        """``active``, ``deprecated``, ``withdrawn``, ``deleted`` or ``erased``; a row of a deleted version says ``deleted``."""
        ...

    @property
    def created_at(self) -> str:
        """The time in its record."""
        ...

    @property
    def description(self) -> str:
        """The latest one."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """Sorted."""
        ...

    @property
    def aliases(self) -> tuple[str, ...]:
        """Those that point to it, sorted."""
        ...

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags, sorted."""
        ...

    @property
    def metrics(self) -> Mapping[str, JSON]:
        """The last value of each."""
        ...


class VersionRow(NamedTuple):
    """The summary of a version, complete.

    Attributes:
        version: As in ``VersionSummary``; so are ``state``, ``labels``, ``aliases``, ``tags`` and ``metrics``.
        values: The text of its listed fields, in the order of ``LISTED_VERSION``; see ``get``.
        text: The text that words are searched in, as ``fold_text`` returns it.
        unreadable: Which of ``version`` and ``status`` cannot be read; what depends on it is empty then.
    """

    version: str
    state: str
    values: tuple[str, ...]
    labels: tuple[str, ...]
    aliases: tuple[str, ...]
    tags: tuple[str, ...]
    metrics: Mapping[str, JSON]
    text: str
    unreadable: tuple[str, ...]

    def get(self, field: str) -> str:
        """The text of a listed field, such as ``framework.type``; empty when the record does not have it."""
        return self.values[_OF_VERSION[field]]

    @property
    def created_at(self) -> str:
        """As in ``VersionSummary``."""
        return self.values[_OF_VERSION["created_at"]]

    @property
    def description(self) -> str:
        """As in ``VersionSummary``."""
        return self.values[_OF_VERSION["description"]]


def compose_text(words: str) -> str:
    """Text in Unicode's form NFC: a letter and its accent are one character, however they were typed."""
    if words.isascii():
        return words
    import unicodedata

    return unicodedata.normalize("NFC", words)


def fold_text(words: str) -> str:
    """Text in the form in which search compares it: case and composition are ignored."""
    return compose_text(compose_text(words).casefold())


# How the values of a filter and of a field are compared.
_FORMS: Final[Mapping[Match, Callable[[str], str]]] = {
    "folded": fold_text,
    "owner": lambda text: fold_text(text).removeprefix("@"),
    "task": lambda text: fold_task(fold_text(text)),
}


def comparable_value(match: Match, text: str) -> str:
    """A value in the form in which a filter that is not about members compares it."""
    return _FORMS[match](text)


def _strings(value: JSON) -> Iterator[str]:
    """The text anywhere in free data, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _value(field: _Read, sources: Mapping[str, Data | None]) -> str:
    """The text of a field: that of the last file which has it. Values of filters repeat, so they are kept once."""
    for kind in reversed(field.files):
        found = text(sources[kind], *field.path)
        if found:
            return intern(found) if field.repeats else found
    return ""


def _list_searched(fields: Iterable[_Read], sources: Mapping[str, Data | None]) -> list[str]:
    """The texts that words are searched in; of free mappings the merged one."""
    found: list[str] = []
    for kind, path, files, _ in fields:
        if kind == "free":
            merged: dict[str, JSON] = {}
            for file in files:
                merged.update(member(sources[file], *path))
            found += _strings(merged) if merged else ()
        elif kind == "words":
            for file in files:
                found += texts(sources[file], *path)
        else:
            found += [text(sources[file], *path) for file in files]
    return found


def _wrap_title(title: str) -> Data | None:
    return {"title": title} if title else None


def model_row(model: ModelView) -> ModelRow:
    """The row of a model."""
    try:
        data = model.data
    except InvalidManifestError:
        return ModelRow(model.name, unreadable=True)
    sources: dict[str, Data | None] = {"model": data, "title": _wrap_title(model.title)}
    words = filter(None, [str(model.name), *_list_searched(_SEARCHED_OF_MODEL, sources)])
    return ModelRow(
        model.name, tuple(_value(field, sources) for field in _LISTED_OF_MODEL),
        model.state, tuple(sorted(texts(data, "labels"))),
        fold_text("\n".join(words)),
    )  # fmt: skip


def _version_row(
    version: VersionView, aliases: Mapping[str, str], tags: Mapping[str, str]
) -> VersionRow:
    name = version.version
    names = (names_for(name, aliases), names_for(name, tags))
    unreadable: list[str] = []
    try:
        state = version.state
    except InvalidManifestError:
        state = ""
        unreadable.append("status")
    if version.is_deleted:
        state = "deleted"
    labels = version.labels
    try:
        data = version.data
    except InvalidManifestError:
        unreadable.append("version")
        empty = ("",) * len(LISTED_VERSION)
        return VersionRow(name, state, empty, labels, *names, {}, "", tuple(unreadable))
    sources = {
        "title": _wrap_title(version.title),
        "version": data,
        "metadata": None if version.metadata is None else version.metadata.data,
    }
    words = filter(None, [str(version), *_list_searched(_SEARCHED_OF_VERSION, sources)])
    return VersionRow(
        name, intern(state), tuple([_value(field, sources) for field in _LISTED_OF_VERSION]), labels,
        *names, version.metrics, fold_text("\n".join(words)), tuple(unreadable),
    )  # fmt: skip


def version_rows(model: ModelView) -> tuple[VersionRow, ...]:
    """The rows of all versions of a model, highest first."""
    model.prefetch("aliases", "tags", "titles", "versions")
    aliases, tags = model.alias_targets(), model.tag_targets()
    # In the order of their paths: that of the prefetch.
    views = filter(None, map(model.version, model.versions))
    rows = {view.version: _version_row(view, aliases, tags) for view in views}
    return tuple(rows[name] for name in reversed(in_order(model)) if name in rows)


def named_row(model: ModelView, kind: str, name: str) -> tuple[VersionRow, ...]:
    """The row of the version that an alias or a tag points to; those of other versions are not made."""
    model.prefetch("aliases", "tags")
    aliases, tags = model.alias_targets(), model.tag_targets()
    named = (aliases if kind == "alias" else tags).get(name)
    view = None if named is None else model.version(named)
    if view is None:
        return ()
    model.prefetch(f"versions/{view.version}")
    return (_version_row(view, aliases, tags),)
