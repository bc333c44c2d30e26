"""What a remote is: objects by md5, laid out so that plain DVC reads and writes them.

``ObjectSource`` is the half that a fetch needs, ``Remote`` the whole; ``open`` creates both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, NamedTuple, Protocol, runtime_checkable
from urllib.parse import urlsplit, urlunsplit

from registry_tool.artifacts.dvc_files import DIR_OBJECT_LIMIT, Listed, dir_md5, read_dir_object
from registry_tool.artifacts.hashing import ByteReader, check_md5, ignore_progress
from registry_tool.errors import CorruptObjectError

__all__ = [
    "OBJECTS",
    "PREFIX",
    "ObjectSource",
    "RangeSource",
    "Remote",
    "RemoteNote",
    "RemoteObject",
    "UnfinishedUpload",
    "legacy_path",
    "never_used",
    "object_md5",
    "object_path",
    "read_listing",
    "redact_url",
]


class ObjectSource(Protocol):
    """Objects by md5; a ``Remote`` is one. All methods may be called from several threads.

    Every method raises RemoteError when it cannot be reached or refuses, with the cause in words.
    """

    @property
    def name(self) -> str:
        """Its name in DVC's configuration."""

    @property
    def url(self) -> str:
        """Where it is, for messages: without credentials."""

    def download(self, md5: str, *, start: int = 0) -> AbstractContextManager[ByteReader]:
        """The object's bytes from an offset on, unverified; also from where DVC 2 put them.

        Raises:
            MissingObjectError: It does not exist.
        """


@runtime_checkable
class RangeSource(Protocol):
    """A source that gives parts of an object, several at a time faster than one after the other."""

    def piece(self, md5: str, start: int, stop: int) -> bytes | None:
        """The bytes from ``start`` to before ``stop``, fewer at the object's end; None where it gives no parts.

        Raises:
            MissingObjectError: The object does not exist.
        """


class RemoteObject(NamedTuple):
    """An object on a remote, as a listing of it shows.

    Attributes:
        md5: Its address; that of a folder's list of files ends in ``.dir``.
        size: In bytes; None where the server does not report it.
        modified: When it was put there, in seconds since 1970 by the remote's clock; None where it is unknown.
    """

    md5: str
    size: int | None
    modified: float | None


class UnfinishedUpload(NamedTuple):
    """What a broken upload left on a remote.

    Attributes:
        path: Where it is.
        size: In bytes; None where the server does not report it.
        modified: When it was begun or last written, as of ``RemoteObject``.
        upload: The server's name of an unfinished upload in parts; empty for a file.
    """

    path: str
    size: int | None
    modified: float | None
    upload: str = ""


class RemoteNote(NamedTuple):
    """A small file of this program on a remote, apart from the objects; see ``leases``.

    Attributes:
        path: Where it is, below the remote's URL.
        modified: When it was put there, as of ``RemoteObject``.
    """

    path: str
    modified: float | None


class Remote(Protocol):
    """Objects by md5. All methods may be called from several threads.

    Every method raises RemoteError when the remote cannot be reached or refuses, with the cause in words.
    """

    @property
    def name(self) -> str:
        """Its name in DVC's configuration."""

    @property
    def url(self) -> str:
        """Where it is, for messages: without credentials."""

    def sizes(self, md5s: Iterable[str], *, legacy: bool = False) -> dict[str, int]:
        """The existing ones of these objects with their sizes in bytes, by one query for all.

        ``legacy`` also looks where DVC 2 put them.
        """

    def exists(self, md5s: Iterable[str], *, legacy: bool = False) -> set[str]:
        """The existing ones of these objects, as ``sizes``."""

    def size(self, md5: str) -> int | None:
        """The object's size in bytes; None when it does not exist."""

    def modified(self, md5s: Iterable[str]) -> dict[str, float]:
        """When the objects were put there, as of ``RemoteObject``, the last time in either layout; without those of no known time."""

    def put(
        self, md5: str, source: Path,
        *, progress: Callable[[int], None] = ignore_progress, legacy: bool = False,
    ) -> None:  # fmt: skip
        """Put a file there, over one of another size; ``transfer.upload.send`` asks first and verifies afterwards.

        A reader never sees half an object. ``legacy`` puts it where DVC 2 looks for it.
        """

    def download(self, md5: str, *, start: int = 0) -> AbstractContextManager[ByteReader]:
        """The object's bytes from an offset on, unverified; also from where DVC 2 put them.

        Raises:
            MissingObjectError: It does not exist.
        """

    def delete(self, md5: str) -> bool:
        """Delete an object, in the layout of DVC 2 too, and check that it is gone; False when it did not exist.

        Where a store keeps the versions of its objects, the content can be restored there; see ``erase``.
        """

    def erase(self, md5: str) -> bool:
        """As ``delete``, with every version that the store keeps of the object."""

    def objects(self) -> Iterator[RemoteObject]:
        """Everything that is stored there, in DVC's layouts; other files are passed over."""

    def leftovers(self) -> list[UnfinishedUpload]:
        """What broken uploads left there."""

    def discard(self, leftover: UnfinishedUpload) -> None:
        """Remove what a broken upload left."""

    def notes(self, folder: str) -> list[RemoteNote]:
        """The notes in a folder; none where the remote cannot list its files."""

    def put_note(self, path: str, data: bytes) -> None:
        """Write a note; a reader sees all of it or nothing."""

    def read_note(self, path: str, *, limit: int) -> bytes:
        """A note's bytes, at most ``limit`` + 1.

        Raises:
            MissingObjectError: It does not exist.
        """

    def remove_note(self, path: str) -> None:
        """Remove a note."""


OBJECTS: Final = "files/md5"
PREFIX: Final = re.compile(r"[0-9a-f]{2}")
_NAME: Final = re.compile(r"[0-9a-f]{30}(?:\.dir)?")


def never_used() -> bool:
    """The answer where nothing is known: no bytes were stored there before."""
    return False


def object_path(md5: str) -> str:
    """The path of an object below the remote's URL (DVC 3)."""
    return f"{OBJECTS}/{legacy_path(md5)}"


def legacy_path(md5: str) -> str:
    """The path of an object in the layout of DVC 2.

    Raises:
        UsageError: It is not an md5 digest.
    """
    check_md5(md5)
    return f"{md5[:2]}/{md5[2:]}"


def object_md5(folder: str, name: str) -> str:
    """The md5 of the object that is a file in a folder of a remote; empty for any other file."""
    return folder + name if PREFIX.fullmatch(folder) and _NAME.fullmatch(name) else ""


def read_listing(remote: ObjectSource, md5: str, *, label: str) -> list[Listed]:
    """The files of a folder, as DVC's object of it lists them; its bytes must be what its name says.

    Args:
        remote: Where it is.
        md5: Its name, which ends in ``.dir``.
        label: What messages call it.

    Raises:
        MissingObjectError: It does not exist.
        CorruptObjectError: It is not what its name says, or no list of files.
    """
    data = bytearray()
    with remote.download(md5) as stream:
        while (piece := stream.read(1 << 20)) and len(data) <= DIR_OBJECT_LIMIT:
            data += piece
    if (found := dir_md5(bytes(data))) != md5:
        raise CorruptObjectError(
            f"{label} does not match its manifest: expected md5 {md5}, found {found}",
            remedy="nothing was written; ask the owner of the remote to restore the object",
        )
    return read_dir_object(bytes(data), label=label)


def redact_url(url: str) -> str:
    """A URL that may be printed: without user, password and query."""
    if not re.match(r"\w+://", url):
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("://")[0] + "://…"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
