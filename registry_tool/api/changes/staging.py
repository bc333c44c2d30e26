"""Artifacts that a change needs, read and digested before it is written.

A source is one or several files and folders, standard input, a URL, or an artifact of a published version. Several files
and folders under one name are merged into one folder.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from registry_tool.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from registry_tool.api.changes.artifact_store import ArtifactStore, StagedArtifact
    from registry_tool.artifacts.progress import Progress
    from registry_tool.catalog.catalog import Catalog
    from registry_tool.manifests.data import Data
    from registry_tool.manifests.problems import JSON

__all__ = [
    "STORED",
    "ArtifactSource",
    "address_name",
    "check_distinct",
    "check_outside",
    "describe_tracked",
    "is_address",
    "read_sources",
]

# An artifact of a published version: registry:[NS/]MODEL[@VERSION]/ARTIFACT.
STORED: Final = "registry:"


class ArtifactSource(NamedTuple):
    """Where the bytes of one artifact come from.

    Attributes:
        name: The artifact's name.
        kind: How its bytes are read.
        places: Absolute paths; or one ``-``, URL or reference.
    """

    name: str
    kind: Literal["files", "stream", "url", "stored"]
    places: tuple[str, ...]

    @property
    def path(self) -> str:
        """Its file name next to the manifest; empty where that is not known yet."""
        if self.kind == "files" and len(self.places) == 1:
            return os.path.basename(self.places[0])  # noqa: PTH119 (as in `_file`)
        if self.kind == "url":
            from registry_tool.artifacts.entry_builder import last_part

            return last_part(self.places[0])
        return "" if self.kind == "stored" else self.name


def is_address(text: str) -> bool:
    """True for a URL."""
    from registry_tool.artifacts.remotes.url import is_url

    return is_url(text)


def address_name(uri: str) -> str:
    """The file name at the end of a URL."""
    from registry_tool.artifacts.entry_builder import last_part

    return last_part(uri)


def describe_tracked(
    sources: Iterable[ArtifactSource], roles: Mapping[str, str]
) -> list[dict[str, JSON]]:
    """The manifest entries of artifacts that stay where they are."""
    from registry_tool.artifacts.entry_builder import tracked_entry

    return [
        tracked_entry(one.places[0], name=one.name, role=roles.get(one.name, "")) for one in sources
    ]


def check_distinct(sources: Sequence[tuple[str, str]]) -> None:
    """Check that no name and no path is used twice: a path is the name of a file in the version's folder.

    Args:
        sources: Name and path of each; a path may be empty where it is not known.

    Raises:
        UsageError: One is used twice, or two differ only by case.
    """
    from registry_tool.names import fold

    for what, given, remedy in (
        ("name", [name for name, _ in sources], "name them apart: --artifact NAME=PATH"),
        ("path", [path for _, path in sources], "an artifact is stored under its file's own name; rename one"),
    ):  # fmt: skip
        seen: set[str] = set()
        for one in filter(None, given):
            if fold(one) in seen:
                raise UsageError(f"two artifacts have the {what} {one!a}", remedy=remedy)
            seen.add(fold(one))


def check_outside(sources: Iterable[ArtifactSource], root: Path | None) -> None:
    """Check that none contains the registry itself.

    Raises:
        UsageError: One contains it.
    """
    for path in (place for one in sources if one.kind == "files" for place in one.places):
        if root is not None and root.resolve().is_relative_to(Path(path).resolve()):
            raise UsageError(f"{path!a} contains the registry itself")


def _find_stored(text: str, catalog: Catalog) -> Data:
    """The manifest entry of an artifact of a published version."""
    from registry_tool.catalog.resolve import resolve
    from registry_tool.manifests.data import records
    from registry_tool.manifests.data import text as text_of
    from registry_tool.names import Reference

    reference, _, wanted = text.removeprefix(STORED).rpartition("/")
    version = resolve(catalog, Reference.parse(reference)).version
    entries = {text_of(entry, "name"): entry for entry in records(version.data, "artifacts")}
    found = entries.get(wanted)
    if found is None:
        raise NotFoundError(
            f"{version} has no artifact {wanted!a}",
            remedy=f"it has {', '.join(map(ascii, entries)) or 'none'}",
        )
    return found


def _read_standard_input(
    store: ArtifactStore, name: str, role: str, progress: Progress, allow: Collection[str]
) -> StagedArtifact:
    if sys.stdin.isatty():
        raise UsageError(
            "standard input is a terminal", remedy="pipe the bytes in, or name a file"
        )  # fmt: skip
    return store.take_stream(sys.stdin.buffer, name=name, role=role, progress=progress, allow=allow)


def read_sources(
    sources: Sequence[ArtifactSource],
    store: ArtifactStore,
    catalog: Catalog,
    roles: Mapping[str, str],
    progress: Progress,
    *,
    allow: Collection[str] = (),
) -> list[StagedArtifact]:
    """Read and digest artifacts; those of published versions are looked up first, before anything large is read.

    Raises:
        UsageError: Two have the same name or path, or a source cannot be read.
        RemoteError: The remote cannot be read, or lacks an object it should have.
    """
    known = {one: _find_stored(one.places[0], catalog) for one in sources if one.kind == "stored"}
    again = {one: store.take_again(entry, name=one.name) for one, entry in known.items()}
    check_distinct(
        [(one.name, str(again[one].entry["path"]) if one in again else one.path) for one in sources]
    )
    found = []
    for one in sources:
        name, role, first = one.name, roles.get(one.name, ""), one.places[0]
        if one in again:
            taken = again[one]
            found.append(taken._replace(entry={**taken.entry, "role": role or taken.entry["role"]}))
        elif one.kind == "stream":
            found.append(_read_standard_input(store, name, role, progress, allow))
        elif one.kind == "url":
            found.append(
                store.take_url(first, name=name, role=role, progress=progress, allow=allow)
            )
        else:
            places = [Path(place) for place in one.places]
            source = places if len(places) > 1 else places[0]
            found.append(
                store.take_in(source, name=name, role=role, progress=progress, allow=allow)
            )
    return found
