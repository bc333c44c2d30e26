"""Files of ModelBox as entries of artifacts: in the record of a version or model, in evidence, or in an object's data.

A client names a file by any path on its own machine. The path goes into the entry's metadata where it is not the entry's own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from google.protobuf.message import Message

from registry_tool.artifacts.entry_builder import artifact_words
from registry_tool.catalog.catalog import ModelView, VersionView
from registry_tool.catalog.shown_names import find_forbidden
from registry_tool.errors import UsageError
from registry_tool.manifests.arguments import fits
from registry_tool.manifests.data import Data, member, records, text
from registry_tool.manifests.problems import JSON
from registry_tool.names import is_device
from registry_tool.server.modelbox.descriptors import FILE_TYPES
from registry_tool.server.modelbox.parents import API
from registry_tool.server.modelbox.values import read_number, read_text
from registry_tool.server.rpc.guard import TakenError

__all__ = [
    "GivenFile",
    "ShownFile",
    "choose_entry_name",
    "complete_entry",
    "find_equal_file",
    "list_model_entries",
    "list_version_entries",
    "read_file",
    "role_for",
    "show_entry",
    "track_file",
]

OWN: Final = f"${API}"
_NO_ADDRESS: Final = f"urn:{API}:none"
_NO_CHECKSUM: Final = (
    "unknown"  # the client reads a file of its own machine where a checksum is empty
)
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")
_CHECKSUM: Final = re.compile(r"[!-~]{0,256}")
_MD5: Final = re.compile(r"[0-9a-f]{32}")
_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{1,12}")
_LONGEST_PATH: Final = 4096
_ROLES: Final = {"MODEL": "model", "CHECKPOINT": "checkpoint"}


class GivenFile(NamedTuple):
    """A file as a client describes it.

    Attributes:
        path: Any path, or an address.
        checksum: As the client gives it, its MD5; empty for none.
        file_type: One of ``FILE_TYPES``.
    """

    path: str
    checksum: str
    file_type: str


class ShownFile(NamedTuple):
    """An entry as clients see it; the same as a ``GivenFile``."""

    path: str
    checksum: str
    file_type: str


def read_file(message: Message) -> GivenFile:
    """What a client says of a file.

    Raises:
        UsageError: It has no path, or a field is not one.
    """
    path, checksum = read_text(message, "path"), read_text(message, "checksum")
    number = read_number(message, "file_type")
    if not path or len(path) > _LONGEST_PATH or find_forbidden(path.strip()):
        raise UsageError(
            f"path {path[:80]!a} is not the path of a file",
            remedy=f"use 1 to {_LONGEST_PATH} visible characters",
        )
    if not _CHECKSUM.fullmatch(checksum):
        raise UsageError(f"checksum {checksum[:80]!a} is not a checksum")
    if not 0 <= number < len(FILE_TYPES):
        known = ", ".join(f"{name} {value}" for value, name in enumerate(FILE_TYPES))
        raise UsageError(f"file_type {number} is not known to this server; it knows {known}")
    return GivenFile(
        path, checksum.lower() if _MD5.fullmatch(checksum.lower()) else checksum, FILE_TYPES[number]
    )


def _last_part(path: str) -> str:
    return PurePosixPath(path.replace("\\", "/").partition("?")[0]).name


def choose_entry_name(path: str, taken: Collection[str]) -> str:
    """The name of a new entry: that of the file, where it is one and free."""
    folded = {name.casefold() for name in taken}
    last = _last_part(path)
    is_ours = last.lower().endswith((".dvc", ".yaml"))  # names of manifests and pointers
    is_free = last.casefold() not in folded
    if _NAME.fullmatch(last) and is_free and not is_ours and not is_device(last):
        return last
    suffix = PurePosixPath(last).suffix
    suffix = suffix if _SUFFIX.fullmatch(suffix) and suffix.lower() not in {".dvc", ".yaml"} else ""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", last.removesuffix(suffix))[:40].strip("-._") or "file"
    stem = f"file-{stem}" if is_device(stem) else stem
    digits = hashlib.sha256(path.encode(errors="surrogatepass")).hexdigest()[:8]
    name, number = f"{stem}-{digits}{suffix}", 2
    while name.casefold() in folded:
        name, number = f"{stem}-{digits}-{number}{suffix}", number + 1
    return name


def role_for(given: GivenFile) -> str:
    """The role of an artifact; where the client does not say what the file is, its name does."""
    if given.file_type == "UNDEFINED":
        return str(artifact_words(_last_part(given.path))["role"])
    return _ROLES.get(given.file_type, "document")


def complete_entry(entry: Data, given: GivenFile) -> dict[str, JSON]:
    """An entry with what the client said of its file."""
    found: dict[str, JSON] = {**entry, "file_type": given.file_type.lower()}
    own: dict[str, JSON] = {}
    if given.path not in (entry.get("path"), entry.get("uri")):
        own["path"] = given.path
    if given.checksum and "md5" not in entry:
        own["checksum"] = given.checksum
    if own:
        found["metadata"] = {**member(entry, "metadata"), OWN: own}
    return found


def track_file(given: GivenFile, taken: Collection[str]) -> dict[str, JSON]:
    """The entry of a file that is elsewhere."""
    name = choose_entry_name(given.path, taken)
    is_address = "://" in given.path and not given.path.lower().startswith("file:")
    whole: dict[str, JSON] = {"name": name, "role": "model", "uri": given.path}
    has_form = is_address and fits("version/v1", "artifacts", [whole])
    uri = given.path if has_form else _NO_ADDRESS
    return complete_entry({"name": name, "role": role_for(given), "uri": uri}, given)


def show_entry(entry: Data, inner: Data | None = None) -> ShownFile:
    """An entry as clients see it.

    Args:
        entry: The entry.
        inner: One of the files of a folder.
    """
    own = member(entry, "metadata", OWN)
    path = text(own, "path") or text(entry, "path") or text(entry, "uri")
    checksum = text(own, "checksum") or text(entry, "md5") or text(entry, "sha256")
    if inner is not None:
        path, checksum = f"{path}/{text(inner, 'path')}", text(inner, "md5")
    named = text(entry, "file_type").upper()
    by_role = {role: name for name, role in _ROLES.items()}.get(text(entry, "role"), "UNDEFINED")
    kind = named if named in FILE_TYPES else by_role
    return ShownFile(path, checksum or _NO_CHECKSUM, kind)


def find_equal_file(entries: Collection[Data], given: GivenFile) -> Data | None:
    """The entry with the path of a file; None for none.

    Raises:
        TakenError: It has other content.
    """
    found = next((entry for entry in entries if show_entry(entry).path == given.path), None)
    if found is None:
        return None
    known = show_entry(found).checksum
    if given.checksum and known not in (given.checksum, _NO_CHECKSUM):
        raise TakenError(
            f"{given.path[:200]!a} already exists with the checksum {known}",
            remedy="use another path, or create a new version",
        )
    return found


def list_version_entries(version: VersionView) -> list[Data]:
    """The entries of a version: those of its record, of evidence, and those that were uploaded for it later."""
    return [*records(version.data, "artifacts"), *version.later_artifacts]


def list_model_entries(model: ModelView) -> Iterator[Data]:
    """The entries of a model itself."""
    return (entry for entry in records(model.data, "artifacts") if "version" not in entry)
