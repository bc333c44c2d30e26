"""A store that a WebDAV server keeps: where DVC's driver asks the server many things, this asks one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from registry_tool.artifacts.stores import FileStore

__all__ = ["DavStore"]


class DavStore(FileStore):
    """See ``stores.FileStore``."""

    def send(self, source: Path, target: str, progress: Callable[[int], None]) -> None:
        """See ``FileStore.send``."""
        size = source.stat().st_size
        with source.open("rb") as stream:
            self.fs.fs.client.upload_fileobj(
                stream, target, overwrite=True, size=size, callback=progress
            )

    def move(self, source: str, target: str) -> None:
        """See ``FileStore.move``; the driver would copy and delete."""
        self.fs.fs.client.move(source, target, overwrite=True)

    def found(self) -> None:
        """See ``Store.found``."""
        self.fs.fs.client.mkdir(self.folder)
