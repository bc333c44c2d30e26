"""A DVC remote through DVC's own drivers: S3, SSH, HTTP and every other kind except a local folder.

The exceptions of drivers become ``RemoteError`` here; the cause is kept and described.
"""

from __future__ import annotations

import hashlib
import tempfile
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from registry_tool.artifacts.filesystem import on_disk
from registry_tool.artifacts.hashing import ByteReader, ignore_progress
from registry_tool.artifacts.progress import in_parallel
from registry_tool.artifacts.remotes.base import (
    OBJECTS,
    PREFIX,
    RemoteNote,
    RemoteObject,
    UnfinishedUpload,
    legacy_path,
    never_used,
    object_md5,
    object_path,
)
from registry_tool.artifacts.remotes.errors import ErrorTranslator
from registry_tool.artifacts.remotes.file_store import DriverStream, ObjectStore, StoreEntry
from registry_tool.artifacts.remotes.kinds import find_kind, parse_scheme
from registry_tool.errors import MissingObjectError, RemoteError

if TYPE_CHECKING:
    from registry_tool.artifacts.remotes.config import RemoteSettings

__all__ = ["DvcRemote", "open_dvc_remote"]

_WORKERS: Final = 16
# From this many objects in one folder on, the folder is listed, unless it has this many times more entries.
_LISTED_FROM: Final = 4
_LISTED_TO: Final = 64
_PAGE: Final = 1000
_TEMPORARY: Final = ".tmp"
_NOTE: Final = ".json"
_NO_DELETE: Final = "check that your credentials allow deletion, and that no object lock, retention or legal hold protects the object"


def open_dvc_remote(
    chosen: RemoteSettings, url: str, *, in_use: Callable[[], bool] = never_used
) -> DvcRemote:
    """The remote through DVC's file system for its scheme.

    Args:
        chosen: Its settings.
        url: Where it is, for messages.
        in_use: Whether objects were stored there before, so that its place must exist.

    Raises:
        RemoteError: DVC refuses the options, the package for the scheme is missing, or the host refuses.
    """
    from registry_tool.artifacts.remotes.dvc_driver import close_session, open_driver
    from registry_tool.artifacts.remotes.file_store import FileStore, WebDavStore
    from registry_tool.artifacts.remotes.s3 import S3Store

    label = f"the remote {chosen.name} ({url})"
    errors = ErrorTranslator(chosen.name, label, parse_scheme(chosen.url), chosen.left_out)
    fs, folder = open_driver(chosen, errors)
    stores: dict[str, type[S3Store | FileStore]] = {"s3": S3Store, "webdav": WebDavStore}
    store: ObjectStore = stores.get(find_kind(fs.protocol).store, FileStore)(fs, folder)
    remote = DvcRemote(chosen.name, url, store, errors, in_use=in_use)
    weakref.finalize(remote, close_session, fs.fs)
    return remote


class DvcRemote:
    """See ``Remote``.

    Args:
        name: Its name in DVC's configuration.
        url: Where it is, for messages.
        store: Where its files are.
        errors: What its exceptions mean.
        in_use: Says whether bytes were stored there before.
    """

    def __init__(
        self, name: str, url: str, store: ObjectStore, errors: ErrorTranslator,
        *, in_use: Callable[[], bool] = never_used,
    ) -> None:  # fmt: skip
        self.name = name
        self.url = url
        self._store = store
        self._errors = errors
        self._translate = errors.translate
        self._in_use = in_use
        self._place_exists = False
        self._creating = Lock()

    def sizes(self, md5s: Iterable[str], *, legacy: bool = False) -> dict[str, int]:
        """See ``Remote.sizes``."""
        wanted = set(md5s)
        found = self._asked(wanted, object_path)
        if legacy and (rest := wanted - found.keys()):
            found |= self._asked(rest, legacy_path)
        if len(found) < len(wanted):
            self._check_place()
        return found

    def _asked(self, wanted: Iterable[str], path_of: Callable[[str], str]) -> dict[str, int]:
        groups: dict[str, list[str]] = defaultdict(list)
        for md5 in sorted(wanted):
            groups[path_of(md5).rpartition("/")[0]].append(md5)

        def listed(folder: str) -> dict[str, int] | None:
            return self._listed(folder, groups[folder])

        known = dict(zip(groups, in_parallel(listed, [*groups], workers=_WORKERS), strict=True))
        found = {md5: size for sizes in known.values() for md5, size in (sizes or {}).items()}
        alone = [md5 for folder, sizes in known.items() if sizes is None for md5 in groups[folder]]
        sizes = in_parallel(lambda md5: self._size(path_of(md5), md5), alone, workers=_WORKERS)
        return found | {
            md5: size for md5, size in zip(alone, sizes, strict=True) if size is not None
        }

    def _listed(self, folder: str, md5s: list[str]) -> dict[str, int] | None:
        """The objects in question that a folder's listing has; None where one question for each is cheaper."""
        if not self._store.can_list or len(md5s) < _LISTED_FROM:
            return None
        with self._translate("cannot be queried"):
            entries = self._store.entries(folder, limit=max(_PAGE, _LISTED_TO * len(md5s)))
        if entries is None or any(entry.size is None for entry in entries if not entry.is_folder):
            return None
        prefix, wanted = folder.rpartition("/")[2], set(md5s)
        there = {object_md5(prefix, entry.name): entry.size or 0 for entry in entries}
        return {md5: size for md5, size in there.items() if md5 in wanted}

    def _size(self, path: str, md5: str) -> int | None:
        try:
            with self._translate("cannot be queried", missing=path):
                size = self._store.size(path)
        except MissingObjectError:
            return None
        return self._counted(md5) if size is None else size

    def _counted(self, md5: str) -> int:
        """For web servers that do not report a size."""
        with self.download(md5) as stream:
            return sum(len(piece) for piece in iter(lambda: stream.read(1 << 20), b""))

    def exists(self, md5s: Iterable[str], *, legacy: bool = False) -> set[str]:
        """See ``Remote.exists``."""
        return set(self.sizes(md5s, legacy=legacy))

    def size(self, md5: str) -> int | None:
        """See ``Remote.size``."""
        return self.sizes([md5]).get(md5)

    def modified(self, md5s: Iterable[str]) -> dict[str, float]:
        """See ``Remote.modified``."""
        wanted = set(md5s)
        if not wanted or not self._store.can_list:
            return {}
        paths = (path_of(md5) for md5 in wanted for path_of in (object_path, legacy_path))
        folders = sorted({path.rpartition("/")[0] for path in paths})
        listed = in_parallel(self._entries, folders, workers=_WORKERS)
        found: dict[str, float] = {}
        for folder, entries in zip(folders, listed, strict=True):
            for entry in entries:
                md5 = object_md5(folder.rpartition("/")[2], entry.name)
                if md5 in wanted and entry.modified is not None:
                    found[md5] = max(entry.modified, found.get(md5, entry.modified))
        return found

    def _check_place(self) -> None:
        """Objects may be missing because the place of the remote itself is missing."""
        if self._place_exists:
            return
        with self._translate("cannot be queried"):
            self._place_exists = self._store.place_exists()
        if not self._place_exists and self._in_use():
            raise RemoteError(
                f"{self._errors.label} does not exist, although objects were stored there before",
                remedy=f"restore it, or set its location: dvc remote modify {self.name} url URL",
            )

    def _ensure_place(self) -> None:
        """Create the place of the remote if it does not exist."""
        self._check_place()
        if not self._place_exists:
            with self._translate(
                "does not exist and cannot be created",
                remedy="check that the parent folder exists and is writable, and that the URL is right: "
                f"dvc remote modify {self.name} url URL",
            ):
                self._store.create_place()
            self._place_exists = True

    def put(
        self, md5: str, source: Path,
        *, progress: Callable[[int], None] = ignore_progress, legacy: bool = False,
    ) -> None:  # fmt: skip
        """See ``Remote.put``."""
        with on_disk(f"{source} cannot be read"):
            source.stat()
        with self._creating:
            self._ensure_place()
        with self._translate("refused an upload"):
            self._store.put(source, legacy_path(md5) if legacy else object_path(md5), md5, progress)

    @contextmanager
    def download(self, md5: str, *, start: int = 0) -> Iterator[ByteReader]:
        """See ``Remote.download``."""
        try:
            stream = self._opened(object_path(md5), md5, start)
        except MissingObjectError:
            stream = self._opened(legacy_path(md5), md5, start)
        try:
            yield stream
        finally:
            stream.close()

    def _opened(self, path: str, md5: str, start: int) -> DriverStream:
        missing = f"{self._errors.label} does not have the object {md5}"
        with self._translate("cannot be read", missing=missing):
            return DriverStream(self._store.open(path, start), self._errors)

    def delete(self, md5: str) -> bool:
        """See ``Remote.delete``."""
        return self._take_away(md5, self._remove)

    def erase(self, md5: str) -> bool:
        """See ``Remote.erase``."""
        return self._take_away(md5, self._store.erase)

    def _remove(self, path: str) -> bool:
        if not self._has(path):
            return False
        self._store.remove(path)
        return True

    def _take_away(self, md5: str, take: Callable[[str], bool]) -> bool:
        taken = False
        for path in (object_path(md5), legacy_path(md5)):
            if not self._store.can_list:
                if self._has(path):
                    raise RemoteError(
                        f"{self._errors.label} is a plain web server: DVC cannot delete objects there",
                        remedy=f"delete it on the server: {path}",
                    )
                continue
            with self._translate(f"refused to delete {md5}", remedy=_NO_DELETE):
                was_there = take(path)
            if was_there and self._has(path):
                raise RemoteError(
                    f"{self._errors.label} still has {md5} after it was deleted",
                    remedy=_NO_DELETE,
                )
            taken |= was_there
        return taken

    def _has(self, path: str) -> bool:
        try:
            with self._translate("cannot be queried", missing=path):
                self._store.size(path)
        except MissingObjectError:
            return False
        return True

    def _entries(self, folder: str) -> list[StoreEntry]:
        if not self._store.can_list:
            raise RemoteError(
                f"{self._errors.label} is a plain web server, which cannot list its objects",
                remedy="list them on the server, or access its storage through another kind of remote",
            )
        with self._translate("cannot be listed"):
            return self._store.entries(folder) or []

    def objects(self) -> Iterator[RemoteObject]:
        """See ``Remote.objects``."""
        self._check_place()
        for folder, entries in self._object_folders():
            for entry in entries:
                if md5 := object_md5(folder.rpartition("/")[2], entry.name):
                    yield RemoteObject(md5, entry.size, entry.modified)

    def _object_folders(self) -> Iterator[tuple[str, list[StoreEntry]]]:
        """The folders of objects in both layouts, with their entries."""
        for top in (OBJECTS, ""):
            names = [e.name for e in self._entries(top) if e.is_folder and PREFIX.fullmatch(e.name)]
            folders = [f"{top}/{name}".lstrip("/") for name in names]
            yield from zip(
                folders, in_parallel(self._entries, folders, workers=_WORKERS), strict=True
            )

    def leftovers(self) -> list[UnfinishedUpload]:
        """See ``Remote.leftovers``."""
        folders = self._object_folders() if self._store.leaves_files else ()
        files = [
            UnfinishedUpload(f"{folder}/{entry.name}", entry.size, entry.modified)
            for folder, entries in folders
            for entry in entries
            if entry.name.startswith(".") and entry.name.endswith(_TEMPORARY)
        ]
        with self._translate("cannot be listed"):
            return [*files, *self._store.leftovers()]

    def discard(self, leftover: UnfinishedUpload) -> None:
        """See ``Remote.discard``."""
        with self._translate("refused to delete an unfinished upload", remedy=_NO_DELETE):
            self._store.discard(leftover)

    def notes(self, folder: str) -> list[RemoteNote]:
        """See ``Remote.notes``."""
        if not self._store.can_list:
            return []
        with self._translate("cannot be listed"):
            entries = self._store.entries(folder) or []
        names = (entry for entry in entries if entry.name.endswith(_NOTE))
        return [RemoteNote(f"{folder}/{entry.name}", entry.modified) for entry in names]

    def put_note(self, path: str, data: bytes) -> None:
        """See ``Remote.put_note``."""
        with self._creating:
            self._ensure_place()
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "note"
            source.write_bytes(data)
            with self._translate("refused to store a lease or notice"):
                digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
                self._store.put(source, path, digest, ignore_progress)

    def read_note(self, path: str, *, limit: int) -> bytes:
        """See ``Remote.read_note``."""
        found = bytearray()
        with self._translate("cannot be read", missing=f"{self._errors.label} has no {path}"):
            stream = self._store.open(path, 0)
            try:
                while len(found) <= limit and (piece := stream.read(min(1 << 20, limit + 1))):
                    found += piece
            finally:
                stream.close()
        return bytes(found[: limit + 1])

    def remove_note(self, path: str) -> None:
        """See ``Remote.remove_note``."""
        with self._translate(f"refused to delete {path}", remedy=_NO_DELETE):
            self._store.remove(path)
