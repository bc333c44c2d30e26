"""A DVC remote anywhere but in a local folder: S3, SSH, HTTP, … through DVC's own file systems.

The one module that imports DVC. Its drivers raise classes of packages that need not be installed here, so at this
edge every exception of a driver becomes RemoteTrouble, the cause in words and kept.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal, Protocol

from registry_tool.artifacts.disk import fresh_name, on_disk
from registry_tool.artifacts.hashing import Readable, ignore
from registry_tool.artifacts.remote import legacy_path, object_path
from registry_tool.artifacts.settings import RemoteSettings
from registry_tool.errors import MissingObject, RegistryError, RemoteTrouble

if TYPE_CHECKING:
    from dvc_objects.fs.base import FileSystem

__all__ = ["CloudRemote", "open_cloud"]

_WORKERS: Final = 16
# Object stores show an object when its last byte came; these show a file while it grows.
_SHOWS_HALF_FILES = frozenset({"ssh", "sftp", "hdfs", "webhdfs", "webdav", "webdavs", "memory"})
_EXTRAS = {
    "s3": "s3",
    "ssh": "ssh",
    "gs": "gs",
    "azure": "azure",
    "webdav": "webdav",
    "webdavs": "webdav",
}
_WEB = frozenset({"http", "https"})
_GONE = frozenset({404, 410})
_NO_DELETE = "see that your credentials may delete there, and that no object lock, retention or legal hold keeps the object"
_SECRET = re.compile(r"(?<=://)[^/@\s]+@|(?<=\?)[^\s'\"]+")
_SHOWN = 300


def _install(scheme: str) -> str:
    extra = _EXTRAS.get(scheme)
    package = f"registry-tool[{extra}]" if extra else f"dvc-{scheme}"
    return f'pip install "{package}"'


def _in_words(exc: BaseException) -> str:
    """The first line of the innermost message that says something; URLs in it lose their credentials."""
    while exc.__cause__ is not None:
        exc = exc.__cause__
    text = next(iter(str(exc).strip().splitlines()), "")
    return _SECRET.sub("", text)[:_SHOWN] or type(exc).__name__


def _is_absence(exc: BaseException) -> bool:
    """True when the driver says that the object is not there.

    fsspec's HTTP raises FileNotFoundError for every failure, a refused connection too; its cause tells them apart.
    """
    if not isinstance(exc, FileNotFoundError):
        return False
    cause = exc.__cause__
    status = getattr(cause, "status", None)
    if isinstance(status, int):
        return status in _GONE
    foreign = type(cause).__module__.partition(".")[0] == "aiohttp"
    return isinstance(cause, FileNotFoundError) or not (foreign or isinstance(cause, OSError))


@dataclass(frozen=True)
class _Driver:
    """Runs a driver's code: whatever it raises leaves as RemoteTrouble, or as MissingObject."""

    doing: str
    missing: str = ""
    remedy: str = "check its URL, the network and your credentials (dvc remote modify --local)"

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, _: TracebackType | None
    ) -> Literal[False]:
        if not isinstance(exc, Exception) or isinstance(exc, RegistryError):
            return False
        if self.missing and _is_absence(exc):
            raise MissingObject(self.missing) from exc
        raise RemoteTrouble(f"{self.doing}: {_in_words(exc)}", remedy=self.remedy) from exc


def open_cloud(chosen: RemoteSettings, url: str) -> CloudRemote:
    """The remote through DVC's file system for its scheme; nothing is asked of it yet.

    Raises:
        RemoteTrouble: DVC refuses the options, or the package for the scheme is missing.
    """
    scheme = chosen.url.partition("://")[0]
    with _Driver(f"the DVC remote {chosen.name} ({url}) cannot be opened"):
        from dvc.fs import RemoteMissingDepsError, get_cloud_fs

        try:
            config = {"core": dict(chosen.core)}
            kind, options, path = get_cloud_fs(config, url=chosen.url, **chosen.options)
            fs = kind(**options)
            fs.fs  # noqa: B018 - made once here: threads would each make one, with its own connections
        except (ImportError, RemoteMissingDepsError) as exc:
            raise RemoteTrouble(
                f"the DVC remote {chosen.name} ({url}) needs a package that is not installed",
                remedy=f"run: {_install(scheme)}",
            ) from exc
    if fs.protocol == "local":  # DVC would make a folder named after the scheme
        raise RemoteTrouble(
            f"the DVC remote {chosen.name} ({url}) has a URL that DVC cannot serve",
            remedy=f"a local folder is written as a plain path: dvc remote modify {chosen.name} url /PATH",
        )
    remote = CloudRemote(name=chosen.name, url=url, fs=fs, folder=path)
    if fs.protocol in _WEB:
        weakref.finalize(remote, _close_session, fs.fs)
    return remote


def _close_session(driver: object) -> None:
    """Close a web session for sure: fsspec gives up after 0.1 s, and on a busy machine leaves it open.

    Nothing is waited for, because this may run in any thread, that of the event loop included.
    """
    import asyncio

    session, loop = getattr(driver, "_session", None), getattr(driver, "loop", None)
    if session is not None and loop is not None and loop.is_running():
        asyncio.run_coroutine_threadsafe(session.close(), loop)


@dataclass(frozen=True)
class CloudRemote:
    """See ``Remote``."""

    name: str
    url: str
    fs: FileSystem
    folder: str

    @property
    def _label(self) -> str:
        return f"the remote {self.name} ({self.url})"

    def _place(self, path: str) -> str:
        return str(self.fs.join(self.folder, *path.split("/")))

    def exists(self, md5s: Iterable[str], *, legacy: bool = False) -> set[str]:
        """See ``Remote.exists``."""

        def is_there(md5: str) -> bool:
            return self._has(object_path(md5)) or (legacy and self._has(legacy_path(md5)))

        wanted = sorted(set(md5s))
        with ThreadPoolExecutor(_WORKERS) as pool:
            return {
                md5 for md5, found in zip(wanted, pool.map(is_there, wanted), strict=True) if found
            }

    def _has(self, path: str) -> bool:
        # Not fs.exists(): fsspec answers False when the server cannot be reached.
        try:
            with _Driver(f"{self._label} cannot be asked", missing=path):
                self.fs.info(self._place(path))
        except MissingObject:
            return False
        return True

    def size(self, md5: str) -> int | None:
        """See ``Remote.size``."""
        path = object_path(md5)
        try:
            with _Driver(f"{self._label} cannot be asked", missing=path):
                size = self.fs.info(self._place(path)).get("size")
        except MissingObject:
            return None
        return size if isinstance(size, int) else self._counted(md5)

    def _counted(self, md5: str) -> int:
        """For web servers that do not tell a size."""
        with self.download(md5) as stream:
            return sum(len(piece) for piece in iter(lambda: stream.read(1 << 20), b""))

    def upload(self, md5: str, source: Path, *, progress: Callable[[int], None] = ignore) -> bool:
        """See ``Remote.upload``."""
        with on_disk(f"{source} cannot be read"):
            size = source.stat().st_size
        if self.size(md5) == size:
            return False
        with _Driver(f"{self._label} refused an upload"):
            self._put(source, self._place(object_path(md5)), progress)
        if (arrived := self.size(md5)) != size:
            raise RemoteTrouble(
                f"{self._label} holds {arrived or 0} bytes of {md5} after an upload of {size}",
                remedy="see whether something else writes there, and try again",
            )
        return True

    def _put(self, source: Path, target: str, progress: Callable[[int], None]) -> None:
        folder = self.fs.parent(target)
        self.fs.makedirs(folder)
        if self.fs.protocol not in _SHOWS_HALF_FILES:
            self.fs.put_file(str(source), target, callback=_callback(progress))
            return
        temporary = self.fs.join(folder, fresh_name(Path()).name)
        try:
            self.fs.put_file(str(source), temporary, callback=_callback(progress))
            self.fs.move(temporary, target)
        except BaseException:
            if self.fs.exists(temporary):
                self.fs.remove(temporary)
            raise

    @contextmanager
    def download(self, md5: str) -> Iterator[Readable]:
        """See ``Remote.download``."""
        try:
            stream = self._opened(object_path(md5), md5)
        except MissingObject:
            stream = self._opened(legacy_path(md5), md5)
        try:
            yield stream
        finally:
            stream.close()

    def delete(self, md5: str) -> bool:
        """See ``Remote.delete``."""
        places = [path for path in (object_path(md5), legacy_path(md5)) if self._has(path)]
        for path in places:
            if self.fs.protocol in _WEB:
                raise RemoteTrouble(
                    f"{self._label} is a plain web server: DVC has no way to delete there",
                    remedy=f"delete it on the server itself: {path}",
                )
            with _Driver(f"{self._label} does not let {md5} be deleted", remedy=_NO_DELETE):
                self.fs.rm_file(self._place(path))
            if self._has(path):
                raise RemoteTrouble(
                    f"{self._label} still has {md5} after it was deleted", remedy=_NO_DELETE
                )
        return bool(places)

    def _opened(self, path: str, md5: str) -> _Stream:
        # One request from start to end instead of one for each block.
        options = {"block_size": 0} if self.fs.protocol in _WEB else {}
        missing = f"{self._label} does not have the object {md5}"
        with _Driver(f"{self._label} cannot be read", missing=missing):
            return _Stream(self.fs.open(self._place(path), "rb", **options), self._label)


class _Closable(Readable, Protocol):
    def close(self) -> None: ...


@dataclass(frozen=True)
class _Stream:
    raw: _Closable
    label: str

    def read(self, size: int, /) -> bytes:
        with _Driver(f"{self.label} broke off"):
            return self.raw.read(size)

    def close(self) -> None:
        with _Driver(f"{self.label} broke off"):
            self.raw.close()


def _callback(progress: Callable[[int], None]) -> object:
    """Turn the running totals that fsspec tells into differences."""
    from fsspec.callbacks import Callback

    told = 0

    def tell(_size: int, value: int, **_: object) -> None:
        nonlocal told
        if value > told:
            progress(value - told)
            told = value

    return Callback(hooks={"bytes": tell})
