"""What a command is given as artifacts: ``[NAME=]SOURCE``.

A source is a file or folder, ``-`` for standard input, a URL, or ``registry:MODEL@VERSION/ARTIFACT`` for bytes that
another version has. Several files and folders under one NAME are merged into one folder.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from registry_tool.cli.parsing import named, shown
from registry_tool.errors import InvalidNameError, NotFoundError, UsageError

if TYPE_CHECKING:
    from registry_tool.api.artifact_store import ArtifactStore, StagedArtifact
    from registry_tool.artifacts.progress import Progress
    from registry_tool.catalog.catalog import Catalog
    from registry_tool.manifests.data import Data
    from registry_tool.manifests.problems import JSON

__all__ = [
    "ArtifactSource",
    "addresses",
    "check_apart",
    "check_outside",
    "sources",
    "taken_from",
    "tracked",
]

_REGISTRY: Final = "registry:"
_FORM: Final = "registry:[NS/]MODEL[@VERSION]/ARTIFACT"


class ArtifactSource(NamedTuple):
    """One artifact in the making.

    Attributes:
        name: What it will be called.
        kind: How its bytes are had.
        places: Absolute paths; or the one ``-``, URL or reference.
    """

    name: str
    kind: Literal["files", "stream", "url", "stored"]
    places: tuple[str, ...]

    @property
    def path(self) -> str:
        """What it will be called beside the manifest; empty where that is not known yet."""
        if self.kind == "files" and len(self.places) == 1:
            return os.path.basename(self.places[0])  # noqa: PTH119 (as in `_file`)
        if self.kind == "url":
            from registry_tool.artifacts.entry_builder import last_part

            return last_part(self.places[0])
        return "" if self.kind == "stored" else self.name


def _own_name(text: str, option: str, what: str) -> str:
    """The name that an artifact has of itself."""
    from registry_tool.names import check_artifact_name

    try:
        return check_artifact_name(text)
    except InvalidNameError as exc:
        exc.remedy = f"{exc.remedy}; or give it another: {option} NAME={what}"
        raise


def _file(name: str, path: str, option: str) -> ArtifactSource:
    # Not Path.resolve, which follows a link to another name; nor Path.exists, which raises for a name that is too long.
    place = os.path.abspath(path)  # noqa: PTH100
    if not os.path.exists(path):  # noqa: PTH110
        raise NotFoundError(f"there is no file or folder {shown(path)}")
    own = os.path.basename(place)  # noqa: PTH119
    return ArtifactSource(name or _own_name(own, option, "PATH"), "files", (place,))


def _source(text: str, option: str) -> ArtifactSource:
    from registry_tool.artifacts.remotes.url import is_url

    name, what = named(text, option)
    if what == "-":
        if not name:
            raise UsageError(
                "standard input has no name of its own", remedy=f"say how it is called: {option} NAME=-"
            )  # fmt: skip
        return ArtifactSource(name, "stream", (what,))
    if what.startswith(_REGISTRY):
        own = what.rpartition("/")[2] if "/" in what else ""
        if not own or "@" in own:
            raise UsageError(f"{shown(what)} names no artifact", remedy=f"the form is {_FORM}")
        return ArtifactSource(name or _own_name(own, option, _REGISTRY + "…"), "stored", (what,))
    return _address(name, what, option) if is_url(what) else _file(name, what, option)


def _address(name: str, uri: str, option: str) -> ArtifactSource:
    from registry_tool.artifacts.entry_builder import last_part

    return ArtifactSource(name or _own_name(last_part(uri), option, "URI"), "url", (uri,))


def addresses(texts: Iterable[str]) -> list[ArtifactSource]:
    """Artifacts that stay where they are: ``[NAME=]URI``, as ``--track`` takes them.

    Raises:
        InvalidNameError: No name was given, and the address ends in none that would do.
    """
    return [_address(*named(text, "--track"), "--track") for text in texts]


def tracked(asked: Iterable[ArtifactSource], roles: Mapping[str, str]) -> list[dict[str, JSON]]:
    """The entries of artifacts that stay where they are."""
    from registry_tool.artifacts.entry_builder import tracked_entry

    return [
        tracked_entry(one.places[0], name=one.name, role=roles.get(one.name, "")) for one in asked
    ]


def sources(texts: Iterable[str], *, option: str = "--artifact") -> list[ArtifactSource]:
    """The artifacts that are asked for; files and folders that are given one NAME are one artifact.

    Raises:
        NotFoundError: There is no such file or folder.
        InvalidNameError: The name, given or the file's own, is not an artifact's.
        UsageError: Standard input has no name, or is asked for twice.
    """
    found: list[ArtifactSource] = []
    for text in texts:
        one = _source(text, option)
        before = next((n for n, other in enumerate(found) if other.name == one.name), None)
        is_named = bool(named(text, option).name)
        if before is not None and is_named and found[before].kind == one.kind == "files":
            found[before] = one._replace(places=(*found[before].places, *one.places))
        else:
            found.append(one)
    if sum(one.kind == "stream" for one in found) > 1:
        raise UsageError("standard input can be read only once")
    return found


def check_apart(asked: Sequence[tuple[str, str]]) -> None:
    """See that names and paths are each said once: a path is the name of a file in the version's folder.

    Args:
        asked: Name and path of each; a path may be empty where it is not known.

    Raises:
        UsageError: One is said twice, or differs by case only.
    """
    from registry_tool.names import fold

    for what, said, remedy in (
        ("name", [name for name, _ in asked], "name them apart: --artifact NAME=PATH"),
        ("path", [path for _, path in asked], "an artifact is stored under its file's own name; rename one"),
    ):  # fmt: skip
        seen: set[str] = set()
        for one in filter(None, said):
            if fold(one) in seen:
                raise UsageError(f"two artifacts have the {what} {shown(one)}", remedy=remedy)
            seen.add(fold(one))


def check_outside(asked: Iterable[ArtifactSource], root: Path | None) -> None:
    """See that none holds the registry itself.

    Raises:
        UsageError: One does.
    """
    for path in (place for one in asked if one.kind == "files" for place in one.places):
        if root is not None and root.resolve().is_relative_to(Path(path).resolve()):
            raise UsageError(f"{shown(path)} holds the registry itself")


def _stored(text: str, catalog: Catalog) -> Data:
    """The entry of an artifact that another version has."""
    from registry_tool.catalog.resolve import resolve
    from registry_tool.manifests.data import records
    from registry_tool.manifests.data import text as text_of
    from registry_tool.names import Reference

    reference, _, wanted = text.removeprefix(_REGISTRY).rpartition("/")
    version = resolve(catalog, Reference.parse(reference)).version
    entries = {text_of(entry, "name"): entry for entry in records(version.data, "artifacts")}
    found = entries.get(wanted)
    if found is None:
        raise NotFoundError(
            f"{version} has no artifact {shown(wanted)}",
            remedy=f"it has {', '.join(map(shown, entries)) or 'none'}",
        )
    return found


def _from_standard_input(
    store: ArtifactStore, name: str, role: str, progress: Progress, allow: Collection[str]
) -> StagedArtifact:
    if sys.stdin.isatty():
        raise UsageError(
            "standard input is the keyboard here", remedy="give the bytes through a pipe, or name a file"
        )  # fmt: skip
    return store.take_stream(sys.stdin.buffer, name=name, role=role, progress=progress, allow=allow)


def taken_from(
    asked: Sequence[ArtifactSource],
    store: ArtifactStore,
    catalog: Catalog,
    roles: Mapping[str, str],
    progress: Progress,
    *,
    allow: Collection[str] = (),
) -> list[StagedArtifact]:
    """Read and digest what is asked for; what is in the store already is looked up, before anything large is read.

    Raises:
        UsageError: Two would have one name or path, or a source is not what it should be.
        RemoteError: The store cannot be asked, or lacks what it should have.
    """
    known = {one: _stored(one.places[0], catalog) for one in asked if one.kind == "stored"}
    again = {one: store.take_again(entry, name=one.name) for one, entry in known.items()}
    check_apart(
        [(one.name, str(again[one].entry["path"]) if one in again else one.path) for one in asked]
    )
    found = []
    for one in asked:
        name, role, first = one.name, roles.get(one.name, ""), one.places[0]
        if one in again:
            taken = again[one]
            found.append(taken._replace(entry={**taken.entry, "role": role or taken.entry["role"]}))
        elif one.kind == "stream":
            found.append(_from_standard_input(store, name, role, progress, allow))
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
