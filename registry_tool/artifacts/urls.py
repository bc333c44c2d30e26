"""An object at a URL that is no DVC remote, read with the credentials that the remotes of the registry have.

The settings of a remote are used for a URL on the same host, or in the same bucket. For S3 those of any remote will do:
what is signed with them goes to the endpoint they name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from registry_tool.artifacts.hashing import Readable
from registry_tool.artifacts.refusals import Refusals
from registry_tool.artifacts.remote import shown_url
from registry_tool.artifacts.settings import DvcSettings, RemoteSettings, merged_levels
from registry_tool.artifacts.stores import Reading
from registry_tool.errors import UsageError

__all__ = ["Opened", "is_url", "opened"]

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.+")
_SCHEMES: Final = ("azure", "gs", "http", "https", "s3", "ssh", "webdav", "webdavs")


class Opened(NamedTuple):
    """What is at a URL.

    Attributes:
        stream: Its bytes.
        size: How many; None where the server does not tell.
        label: The URL without credentials, for messages.
    """

    stream: Readable
    size: int | None
    label: str


def is_url(text: str) -> bool:
    """True for an address with a scheme."""
    return _URL.fullmatch(text) is not None


def _borrowed(settings: DvcSettings, url: str) -> RemoteSettings:
    """The URL with the options of a remote that it may be read with."""
    wanted, best = urlsplit(url), RemoteSettings("NAME", url, {})
    levels = merged_levels(settings)
    core = levels.get("core", {})
    for section, options in levels.items():
        there = urlsplit(str(options.get("url", "")))
        if not section.startswith("remote ") or there.scheme != wanted.scheme:
            continue
        own = {key: value for key, value in options.items() if key != "url"}
        found = RemoteSettings(section.removeprefix("remote "), url, own, core)
        if there.netloc.rpartition("@")[2] == wanted.netloc.rpartition("@")[2]:
            return found
        if wanted.scheme == "s3":
            best = found
    return best


@contextmanager
def opened(url: str, settings: DvcSettings) -> Iterator[Opened]:
    """The object at a URL, for reading.

    Raises:
        UsageError: It is of a kind that cannot be read, or names a folder.
        MissingObject: It is not there.
        RemoteTrouble: The server cannot be reached or refuses, or a package is missing.
    """
    label, scheme = shown_url(url), url.partition("://")[0].lower()
    if scheme not in _SCHEMES:
        raise UsageError(
            f"{label} is no address that bytes can be copied from",
            remedy=f"there are {', '.join(_SCHEMES)}; a local file is given by its path",
        )
    if urlsplit(url).path.endswith("/"):
        raise UsageError(
            f"{label} is a folder: only single objects are copied",
            remedy="get it first, and give the local folder: dvc get-url URL DIR",
        )
    from registry_tool.artifacts.bucket import Bucket
    from registry_tool.artifacts.drivers import close_session, open_driver
    from registry_tool.artifacts.stores import FileStore

    chosen = _borrowed(settings, url)
    refusals = Refusals(chosen.name, label, scheme)
    fs, place = open_driver(chosen, refusals)
    store = Bucket(fs, place) if fs.protocol == "s3" else FileStore(fs, place)
    try:
        with refusals.asking("cannot be read", missing=f"there is nothing at {label}"):
            size, stream = store.size(""), Reading(store.open("", 0), refusals)
        try:
            yield Opened(stream, size, label)
        finally:
            stream.close()
    finally:
        close_session(fs.fs)
