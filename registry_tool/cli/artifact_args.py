"""Artifacts on the command line: ``[NAME=]SOURCE``.

A source is a file or folder, ``-`` for standard input, a URL, or ``registry:MODEL@VERSION/ARTIFACT`` for bytes that
another version has. Several files and folders under one NAME are merged into one folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

from registry_tool.api.changes.staging import STORED, ArtifactSource
from registry_tool.cli.parsing import format_text, parse_named
from registry_tool.errors import InvalidNameError, NotFoundError, UsageError

__all__ = ["parse_addresses", "parse_sources"]

_FORM: Final = "registry:[NS/]MODEL[@VERSION]/ARTIFACT"


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
        raise NotFoundError(f"no such file or folder: {format_text(path)}")
    own = os.path.basename(place)  # noqa: PTH119
    return ArtifactSource(name or _own_name(own, option, "PATH"), "files", (place,))


def _source(text: str, option: str) -> ArtifactSource:
    from registry_tool.api.changes.staging import is_address

    name, what = parse_named(text, option)
    if what == "-":
        if not name:
            raise UsageError(
                "standard input has no file name", remedy=f"name the artifact: {option} NAME=-"
            )  # fmt: skip
        return ArtifactSource(name, "stream", (what,))
    if what.startswith(STORED):
        own = what.rpartition("/")[2] if "/" in what else ""
        if not own or "@" in own:
            raise UsageError(
                f"{format_text(what)} does not name an artifact", remedy=f"the form is {_FORM}"
            )
        return ArtifactSource(name or _own_name(own, option, STORED + "…"), "stored", (what,))
    return _address(name, what, option) if is_address(what) else _file(name, what, option)


def _address(name: str, uri: str, option: str) -> ArtifactSource:
    from registry_tool.api.changes.staging import address_name

    return ArtifactSource(name or _own_name(address_name(uri), option, "URI"), "url", (uri,))


def parse_addresses(texts: Iterable[str]) -> list[ArtifactSource]:
    """Artifacts that stay where they are: ``[NAME=]URI``, as ``--track`` takes them.

    Raises:
        InvalidNameError: No name was given, and the address ends in none that would do.
    """
    return [_address(*parse_named(text, "--track"), "--track") for text in texts]


def parse_sources(texts: Iterable[str], *, option: str = "--artifact") -> list[ArtifactSource]:
    """The artifacts on the command line; files and folders with the same NAME are one artifact.

    Raises:
        NotFoundError: There is no such file or folder.
        InvalidNameError: The name, given or the file's own, is not an artifact's.
        UsageError: Standard input has no name, or is given twice.
    """
    found: list[ArtifactSource] = []
    for text in texts:
        one = _source(text, option)
        before = next((n for n, other in enumerate(found) if other.name == one.name), None)
        is_named = bool(parse_named(text, option).name)
        if before is not None and is_named and found[before].kind == one.kind == "files":
            found[before] = one._replace(places=(*found[before].places, *one.places))
        else:
            found.append(one)
    if sum(one.kind == "stream" for one in found) > 1:
        raise UsageError("standard input can be read only once")
    return found
