"""The place artifacts are stored: objects by md5 in a DVC remote, laid out so that plain DVC reads and writes them.

A remote in a local folder is served without importing DVC. Every other kind goes through DVC's own file systems,
one object at a time, never through an index of the repository.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

from registry_tool.artifacts.hashing import Readable, check_md5, ignore
from registry_tool.artifacts.settings import DvcSettings, RemoteSettings, chosen_remote
from registry_tool.errors import RemoteTrouble

__all__ = ["DvcSettings", "Remote", "legacy_path", "object_path", "open_remote", "shown_url"]


class Remote(Protocol):
    """Objects by md5. All methods may be called from several threads.

    Every method raises RemoteTrouble when the remote cannot be reached or refuses, with the cause in words.
    """

    @property
    def name(self) -> str:
        """Its name in DVC's configuration."""

    @property
    def url(self) -> str:
        """Where it is, for messages: without credentials."""

    def exists(self, md5s: Iterable[str], *, legacy: bool = False) -> set[str]:
        """Those of the objects that are there; ``legacy`` also looks where DVC 2 put them."""

    def size(self, md5: str) -> int | None:
        """The object's size in bytes; None when it is not there."""

    def upload(self, md5: str, source: Path, *, progress: Callable[[int], None] = ignore) -> bool:
        """Put a file there and see that it arrived; False when it was there already.

        A reader never sees half an object. One of the wrong size is replaced.
        """

    def download(self, md5: str) -> AbstractContextManager[Readable]:
        """The object's bytes, unverified; also from where DVC 2 put them.

        Raises:
            MissingObject: It is not there.
        """


def object_path(md5: str) -> str:
    """Where an object lies below the remote's URL (DVC 3)."""
    return f"files/md5/{legacy_path(md5)}"


def legacy_path(md5: str) -> str:
    """Where DVC 2 put an object.

    Raises:
        UsageError: It is not an md5 digest.
    """
    check_md5(md5)
    return f"{md5[:2]}/{md5[2:]}"


def shown_url(url: str) -> str:
    """A URL that may be printed: without user, password and query."""
    if not re.match(r"\w+://", url):
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("://")[0] + "://…"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _refuse_cloud_versions(chosen: RemoteSettings) -> None:
    for key in ("version_aware", "worktree"):
        if str(chosen.options.get(key, "false")).lower() == "true":
            raise RemoteTrouble(
                f"the DVC remote {chosen.name} is set to `{key}`, which is not supported: objects must be "
                "stored by digest",
                remedy=f"run: dvc remote modify {chosen.name} {key} false",
            )


def open_remote(settings: DvcSettings, name: str | None = None) -> Remote:
    """The remote of that name, or DVC's default one. Nothing is asked of the remote yet.

    Raises:
        NoRemote: None has that name, or there is no default.
        RemoteTrouble: Its configuration cannot be used, or the package that drives it is missing.
    """
    chosen = chosen_remote(settings, name)
    _refuse_cloud_versions(chosen)
    if re.match(r"\w+://", chosen.url):
        from registry_tool.artifacts.cloud import open_cloud

        return open_cloud(chosen, shown_url(chosen.url))
    if not Path(chosen.url).is_absolute():
        raise RemoteTrouble(
            f"the DVC remote {chosen.name} is the relative path {chosen.url}, and this registry has no "
            "folder it could start from",
            remedy="work in a clone of the registry, or give the remote an absolute URL",
        )
    from registry_tool.artifacts.local import LocalRemote

    return LocalRemote(
        name=chosen.name, folder=Path(chosen.url), shared=chosen.options.get("shared") == "group"
    )
