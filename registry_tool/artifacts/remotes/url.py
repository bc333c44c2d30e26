"""An object at a URL that is not a DVC remote, read with the credentials that the remotes of the registry have.

The settings of a remote are used for a URL on the same host, or in the same bucket. For S3 those of any remote will do:
signed requests go to the endpoint they name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from registry_tool.artifacts.hashing import ByteReader
from registry_tool.artifacts.remotes.base import redact_url
from registry_tool.artifacts.remotes.config import DvcSettings, RemoteSettings, all_remotes
from registry_tool.artifacts.remotes.errors import ErrorTranslator
from registry_tool.artifacts.remotes.file_store import DriverStream
from registry_tool.artifacts.remotes.kinds import find_kind, parse_scheme, readable_schemes
from registry_tool.artifacts.remotes.trusted_hosts import check_host
from registry_tool.errors import RemoteError, UsageError

__all__ = ["OpenedUrl", "is_url", "open_url"]

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.+")
_NOBODY: Final = "NAME"  # the name of a remote that has yet to be added


class OpenedUrl(NamedTuple):
    """An object that was opened by URL.

    Attributes:
        stream: Its bytes.
        size: How many; None where the server does not report it.
        label: The URL without credentials, for messages.
    """

    stream: ByteReader
    size: int | None
    label: str


def is_url(text: str) -> bool:
    """True for an address with a scheme."""
    return _URL.fullmatch(text) is not None


def _borrow_settings(settings: DvcSettings, url: str) -> RemoteSettings:
    """The URL with the options of a remote that it may be read with."""
    wanted, best = urlsplit(url), RemoteSettings(_NOBODY, url, {})
    for one in all_remotes(settings):
        there = urlsplit(one.url)
        if there.scheme != wanted.scheme:
            continue
        found = replace(one, url=url)
        if there.netloc.rpartition("@")[2] == wanted.netloc.rpartition("@")[2]:
            return found
        if find_kind(wanted.scheme).store == "s3":
            best = found
    return best


def _without_remote(remedy: str, url: str) -> str:
    """What to do where no remote lends its settings: advice about one is about one that has to be made."""
    parts = urlsplit(url)
    host = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    if f"--local {_NOBODY} " in remedy:
        commands = remedy.removeprefix("set them: ")
        return f"add a remote with credentials for this host: dvc remote add {_NOBODY} {host}, {commands}"
    return "check the network and the address" if f" {_NOBODY} " in remedy else remedy


@contextmanager
def _reworded(chosen: RemoteSettings) -> Iterator[None]:
    try:
        yield
    except RemoteError as exc:
        if chosen.name == _NOBODY:
            exc.remedy = _without_remote(exc.remedy, chosen.url)
        raise


@contextmanager
def open_url(url: str, settings: DvcSettings) -> Iterator[OpenedUrl]:
    """The object at a URL, for reading.

    Raises:
        UsageError: It is of a kind that cannot be read, or names a folder.
        MissingObjectError: It does not exist.
        RemoteError: The server cannot be reached or refuses, or a package is missing.
    """
    label, scheme = redact_url(url), parse_scheme(url)
    kind = find_kind(scheme)
    if not kind.is_copyable:
        raise UsageError(
            f"cannot copy from {label}: unsupported scheme",
            remedy=f"use one of {', '.join(readable_schemes())}, or the path of a local file",
        )
    if urlsplit(url).path.endswith("/"):
        raise UsageError(
            f"{label} is a folder; only single files can be copied",
            remedy="download it first and pass the local folder: dvc get-url URL DIR",
        )
    from registry_tool.artifacts.remotes.dvc_driver import close_session, open_driver
    from registry_tool.artifacts.remotes.file_store import FileStore
    from registry_tool.artifacts.remotes.s3 import S3Store

    chosen = _borrow_settings(settings, url)
    check_host(settings, chosen)
    errors = ErrorTranslator(chosen.name, label, scheme, chosen.left_out)
    with ExitStack() as held:
        held.enter_context(_reworded(chosen))
        fs, place = open_driver(chosen, errors)
        held.callback(close_session, fs.fs)
        store = S3Store(fs, place) if kind.store == "s3" else FileStore(fs, place)
        with errors.translate("cannot be read", missing=f"{label} does not exist"):
            size, stream = store.size(""), DriverStream(store.open("", 0), errors)
        held.callback(stream.close)
        yield OpenedUrl(stream, size, label)
