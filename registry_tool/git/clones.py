"""Clones of remote registries: bare, without what nobody has asked for, kept and fetched instead of re-cloned.

A clone is a cache: whoever needs it takes its lock, and a half-made one is never seen, because it is built beside its
place and renamed. Without a network the clone answers from what it has, and says so.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from registry_tool.errors import OfflineError, UsageError
from registry_tool.git.plumbing import Git, GitFailed
from registry_tool.git.shallow import is_newest

__all__ = ["Clone", "is_url", "open_clone", "shown_url"]

_SCHEMES = ("file", "git", "http", "https", "ssh", "git+ssh")
_WITH_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://.+")
_SCP_LIKE = re.compile(r"(?:[A-Za-z0-9._-]+@)?[A-Za-z0-9][A-Za-z0-9._-]*:(?!//).+")


class Clone(NamedTuple):
    """A cached clone.

    Attributes:
        git: The bare repository.
        note: Why it may be out of date; empty when it was just fetched.
    """

    git: Git
    note: str = ""


def is_url(source: str) -> bool:
    """True for what Git takes for a remote: ``scheme://…`` or ``[user@]host:path``."""
    return bool(_WITH_SCHEME.fullmatch(source)) or (
        bool(_SCP_LIKE.fullmatch(source)) and not Path(source).exists()
    )


def shown_url(url: str) -> str:
    """A URL for messages, without the password; over HTTP the name alone may be a token."""
    shown = re.sub(r"^(https?://)[^/]*@", r"\1***@", url)
    return re.sub(r"(://[^/@:]*):[^/]*@", r"\1:***@", shown)


def _check_url(url: str) -> None:
    match = _WITH_SCHEME.fullmatch(url)
    if url.startswith("-") or "::" in url.split("/", 1)[0] or (match and match[1] not in _SCHEMES):
        raise UsageError(
            f"{shown_url(url)!a} is not a Git address this program opens",
            remedy="use a path, file://, https://, ssh:// or user@host:path",
        )


def _clone(url: str, place: Path) -> None:
    from registry_tool.git.cloning import building, clone_history
    from registry_tool.git.newest import make_newest

    with building(place) as folder:
        try:
            make_newest(url, folder / "newest")
        except GitFailed:  # the server may be too old or too plain for that
            clone_history(url, folder).rename(place)
        else:
            (folder / "newest").rename(place)


def _words(exc: GitFailed, url: str) -> str:
    lines = [
        line for line in exc.words.splitlines() if line.startswith(("fatal:", "ERROR:", "error:"))
    ]
    return (lines or exc.words.splitlines() or [exc.message])[0].replace(url, shown_url(url))


def open_clone(url: str, cache: Path, *, offline: bool = False) -> Clone:
    """The cached clone of a URL, made or fetched now.

    Args:
        url: What ``git clone`` takes.
        cache: The folder that holds clones.
        offline: Do not try to fetch.

    Raises:
        UsageError: The URL names a transport that can run commands, or none.
        OfflineError: There is no clone yet and none can be made.
        EnvironmentTrouble: Another process has been cloning it for ten minutes.
    """
    import hashlib

    from registry_tool.git.cloning import held

    _check_url(url)
    place = cache / f"{hashlib.sha256(url.encode()).hexdigest()[:24]}.git"
    with held(place, shown_url(url)):
        return _cached(url, place, offline=offline)


def _cached(url: str, place: Path, *, offline: bool) -> Clone:
    if place.exists():
        current = not offline and _fetched(place)
        return Clone(Git(place), "" if current else _stale(url, place))
    if offline:
        raise OfflineError(
            f"there is no cached clone of {shown_url(url)}", remedy="open it once with a network"
        )
    try:
        _clone(url, place)
    except GitFailed as exc:
        raise OfflineError(
            f"{shown_url(url)} cannot be cloned: {_words(exc, url)}",
            remedy="check the address, the network and your credentials",
        ) from exc
    return Clone(Git(place))


def _fetched(place: Path) -> bool:
    from registry_tool.git.newest import REFSPECS, renew

    git = Git(place)
    try:
        if is_newest(git):
            renew(git)
        else:
            git.run("fetch", "--quiet", "--prune", "--no-auto-maintenance", "origin", *REFSPECS)
    except GitFailed:
        return False
    (place / "fetched").touch()
    return True


def _stale(url: str, place: Path) -> str:
    import datetime as dt

    stamp = place / "fetched"
    when = (stamp if stamp.exists() else place / "HEAD").stat().st_mtime
    since = dt.datetime.fromtimestamp(when, tz=dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{shown_url(url)} was not reached; answering from the clone fetched {since}"
