"""A row: the little of one model, or one version, that listings and queries need, ready to be compared.

A row is made from the manifests by the same functions that answer for a single version. It depends on nothing but the
model's folder, this program, and the registry's version scheme.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from sys import intern
from typing import NamedTuple

from registry_tool.catalog.catalog import (
    ModelView,
    VersionView,
    aliases_of,
    description_of,
    labels_of,
    last_metrics,
    metadata_of,
    naming,
    tags_of,
)
from registry_tool.catalog.resolve import in_order
from registry_tool.errors import InvalidManifestError
from registry_tool.manifests.data import Data, member, text, texts
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName

__all__ = ["ModelRow", "VersionRow", "composed", "folded", "model_row", "named_row", "version_rows"]


class ModelRow(NamedTuple):
    """What is asked of a model.

    Attributes:
        name: Its name.
        task: As its record says; so are ``owner``, ``license`` and ``description``.
        state: ``live`` or ``archived``.
        labels: Sorted.
        text: Where words are looked for, as ``folded`` gives it.
        unreadable: True where its record cannot be read; all else is empty then.
    """

    name: ModelName
    task: str = ""
    owner: str = ""
    license: str = ""
    description: str = ""
    state: str = ""
    labels: tuple[str, ...] = ()
    text: str = ""
    unreadable: bool = False


class VersionRow(NamedTuple):
    """What is asked of a version.

    Attributes:
        version: Its name, without the model's.
        state: ``active``, ``deprecated``, ``withdrawn`` or ``erased``.
        created_at: As its record says.
        framework: The framework's type.
        description: What was said last.
        labels: Sorted.
        aliases: Those that name it, sorted; so are ``tags``.
        metrics: The last value of each.
        text: Where words are looked for, as ``folded`` gives it.
        unreadable: Which of ``version`` and ``status`` cannot be read; what depends on it is empty then.
    """

    version: str
    state: str
    created_at: str
    framework: str
    description: str
    labels: tuple[str, ...]
    aliases: tuple[str, ...]
    tags: tuple[str, ...]
    metrics: Mapping[str, JSON]
    text: str
    unreadable: tuple[str, ...]


def composed(words: str) -> str:
    """Text in Unicode's form NFC: one letter and its mark are one character, however they were typed."""
    if words.isascii():
        return words
    import unicodedata

    return unicodedata.normalize("NFC", words)


def folded(words: str) -> str:
    """Text as it is compared: upper and lower case alike, composed and decomposed letters alike."""
    return composed(composed(words).casefold())


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


def model_row(model: ModelView) -> ModelRow:
    """The row of a model."""
    try:
        data = model.data
    except InvalidManifestError:
        return ModelRow(model.name, unreadable=True)
    labels = tuple(sorted(texts(data, "labels")))
    words = [str(model.name), text(data, "task"), text(data, "description"), *labels]
    words += _strings(dict(member(data, "metadata")))
    return ModelRow(
        model.name, text(data, "task"), text(data, "owner"), text(data, "license"),
        text(data, "description"), text(data, "state") or "live", labels,
        folded("\n".join(words)),
    )  # fmt: skip


def _words(version: VersionView, data: Data) -> str:
    added = None if version.metadata is None else version.metadata.data
    parts = [str(version), text(data, "name"), text(data, "description")]
    parts += [text(added, "description"), *labels_of(version)]
    return folded("\n".join([*parts, *_strings(metadata_of(version))]))


def _version_row(
    version: VersionView, aliases: Mapping[str, str], tags: Mapping[str, str]
) -> VersionRow:
    name = version.version
    names = (naming(name, aliases), naming(name, tags))
    unreadable: list[str] = []
    try:
        state = version.state
    except InvalidManifestError:
        state = ""
        unreadable.append("status")
    try:
        data = version.data
    except InvalidManifestError:
        unreadable.append("version")
        labels = labels_of(version)
        return VersionRow(name, state, "", "", "", labels, *names, {}, "", tuple(unreadable))
    return VersionRow(
        name, intern(state), text(data, "created_at"), intern(text(data, "framework", "type")),
        description_of(version), labels_of(version), *names, last_metrics(version),
        _words(version, data), tuple(unreadable),
    )  # fmt: skip


def version_rows(model: ModelView) -> tuple[VersionRow, ...]:
    """The rows of all versions of a model, highest first."""
    model.prefetch("aliases", "tags", "versions")
    aliases, tags = aliases_of(model), tags_of(model)
    # In the order of their paths, in which they are read ahead.
    views = filter(None, map(model.version, model.versions))
    rows = {view.version: _version_row(view, aliases, tags) for view in views}
    return tuple(rows[name] for name in reversed(in_order(model)) if name in rows)


def named_row(model: ModelView, kind: str, name: str) -> tuple[VersionRow, ...]:
    """The row of the version that an alias or a tag names, without those of the others."""
    model.prefetch("aliases", "tags")
    aliases, tags = aliases_of(model), tags_of(model)
    named = (aliases if kind == "alias" else tags).get(name)
    view = None if named is None else model.version(named)
    if view is None:
        return ()
    model.prefetch(f"versions/{view.version}")
    return (_version_row(view, aliases, tags),)
