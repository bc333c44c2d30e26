"""Cached clones of remote registries: bare, partial, and fetched instead of cloned again.

A process locks a clone before it writes. An incomplete clone is never visible, because it is built in a temporary folder
and renamed. Without a network the clone is used as it is, with a warning. Each user has their own clones, in a folder
closed to others, without stored credentials. In a shared cache another user's clone is read only if there is no other
source.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.errors import OfflineError, OperationalError, UsageError
from registry_tool.git.command import Git, GitCommandError, quote
from registry_tool.git.ownership import are_ours
from registry_tool.git.remote.url import (
    build_settings,
    is_url,
    read_scheme,
    shown_url,
    stored_url,
    without_credentials,
)
from registry_tool.git.shallow import has_latest_only

__all__ = ["Clone", "check_url", "is_url", "open_clone", "shown_url"]

_SCHEMES: Final = ("file", "git", "http", "https", "ssh", "git+ssh")
_OTHERS: Final = 0o077
_DUBIOUS: Final = re.compile(
    r"^fatal: detected dubious ownership in repository at '(.+)'$", re.MULTILINE
)


class Clone(NamedTuple):
    """A cached clone.

    Attributes:
        git: The bare repository.
        note: Why it may be out of date; empty when it was just fetched.
    """

    git: Git
    note: str = ""


def check_url(url: str) -> None:
    """Check that Git reaches a URL without running a command of it.

    Raises:
        UsageError: The URL names a transport that can run commands, or none.
    """
    scheme = read_scheme(url)
    if url.startswith("-") or "::" in url.split("/", 1)[0] or (scheme and scheme not in _SCHEMES):
        raise UsageError(
            f"{shown_url(url)!a} is not a supported Git URL",
            remedy="use a path, file://, https://, ssh:// or user@host:path",
        )


def _clone(url: str, place: Path) -> None:
    from registry_tool.git.remote.clone import clone_history, clone_latest, staging_folder

    stored, settings = stored_url(url), build_settings(url)
    with staging_folder(place) as folder:
        try:
            clone_latest(stored, folder / "newest", settings)
        except GitCommandError:  # the server may be too old or too plain for that
            clone_history(stored, folder, settings).rename(place)
        else:
            (folder / "newest").rename(place)


def _words(exc: GitCommandError) -> str:
    lines = [
        line for line in exc.words.splitlines() if line.startswith(("fatal:", "ERROR:", "error:"))
    ]
    return without_credentials((lines or exc.words.splitlines() or [exc.message])[0])


def _remedy(exc: GitCommandError, url: str) -> str:
    # A server's message is not a command to paste, so only a folder of this machine is used.
    found = _DUBIOUS.search(exc.words) if read_scheme(url) in {"", "file"} else None
    if found is not None:
        return f"git config --global --add safe.directory {quote(found[1])}"
    return "check the address, the network and your credentials"


def _own_folder(cache: Path) -> Path:
    """The folder of this user's clones: the folder itself, or one next to it if it belongs to another user."""
    if not hasattr(os, "geteuid") or are_ours([cache]):
        return cache
    return cache.with_name(f"{cache.name}-{os.geteuid()}")


def _made_private(folder: Path) -> None:
    """Create the folder for this user only; in one of an older release, close the files that may contain a token."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_mode & _OTHERS:
            for config in folder.glob("*.git/config"):
                if config.stat().st_mode & _OTHERS:
                    config.chmod(0o600)
    except OSError as exc:
        raise OperationalError(
            f"{folder} cannot store clones: {exc.strerror}",
            remedy="set a folder that you can write to: export REGISTRY_CACHE=~/.cache/registry-tool",
        ) from exc


def _digest(url: str) -> str:
    import hashlib

    return f"{hashlib.sha256(url.encode(errors='surrogateescape')).hexdigest()[:24]}.git"


def open_clone(
    url: str, cache: Path, *, offline: bool = False, others: Path | None = None
) -> Clone:
    """The cached clone of a URL, made or fetched now.

    Args:
        url: What ``git clone`` takes.
        cache: The folder for clones.
        offline: Do not try to fetch.
        others: The folder with clones of other users; the folder itself by default.

    Raises:
        UsageError: The URL names a transport that can run commands, or none.
        OfflineError: There is no clone yet and none can be made.
        OperationalError: Another process has been cloning it for ten minutes; or the folder cannot be written.
        UntrustedRepositoryError: The path of the clone belongs to another user.
    """
    from registry_tool.git.remote.clone import lock_clone

    check_url(url)
    name, folder = _digest(stored_url(url)), _own_folder(cache)
    _made_private(folder)
    place, of_others = folder / name, (others or cache) / name
    with lock_clone(place, shown_url(url)):
        if stored_url(url) != url:
            _move(folder / _digest(url), place)
        try:
            return _open_cached(url, place, offline=offline)
        except OfflineError:
            if of_others == place or not of_others.exists():
                raise
            return Clone(Git(of_others), _stale(url, of_others))


def _move(old: Path, place: Path) -> None:
    """Where an older release put the clone of a URL with credentials; it stored them too."""
    import shutil

    if old.exists() and place.exists():
        shutil.rmtree(old, ignore_errors=True)
    elif old.exists():
        old.rename(place)


def _is_right(git: Git, url: str, *, offline: bool) -> bool:
    """True for a clone of that URL; stored credentials are removed from it."""
    named = git.config("remote.origin.url")
    if named == url != stored_url(url):
        git.run("config", "remote.origin.url", stored_url(url))
        return True
    # An older release obeyed `clone.defaultRemoteName`: such a clone has another remote, and can never be fetched.
    return named == stored_url(url) or (named is None and offline)


def _open_cached(url: str, place: Path, *, offline: bool) -> Clone:
    git = Git(place, settings=build_settings(url))
    if place.exists():
        git.check_trusted()
        if _is_right(git, url, offline=offline):
            current = not offline and _is_fetched(git)
            return Clone(git, "" if current else _stale(url, place))
    if offline:
        raise OfflineError(
            f"there is no cached clone of {shown_url(url)}",
            remedy="open it once with a network connection",
        )
    try:
        _replace(url, place)
    except GitCommandError as exc:
        raise OfflineError(
            f"{shown_url(url)} cannot be cloned: {_words(exc)}",
            remedy=_remedy(exc, url),
        ) from exc
    return Clone(Git(place, settings=build_settings(url)))


def _replace(url: str, place: Path) -> None:
    """Clone to a path; an existing clone is replaced once the new one is complete."""
    import shutil

    fresh = place.with_suffix(".fresh") if place.exists() else place
    _clone(url, fresh)
    if fresh != place:
        shutil.rmtree(place)
        fresh.rename(place)


def _is_fetched(git: Git) -> bool:
    from registry_tool.git.remote.clone import REFSPECS, update_latest

    try:
        if has_latest_only(git):
            update_latest(git)
        else:
            git.run(
                "fetch", "--quiet", "--prune", "--no-auto-maintenance", "--no-write-fetch-head",
                "origin", *REFSPECS,
            )  # fmt: skip
    except GitCommandError:
        return False
    (git.git_dir / "fetched").touch()
    return True


def _stale(url: str, place: Path) -> str:
    import datetime as dt

    stamp = place / "fetched"
    when = (stamp if stamp.exists() else place / "HEAD").stat().st_mtime
    since = dt.datetime.fromtimestamp(when, tz=dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{shown_url(url)} cannot be reached; using the clone last fetched {since}"
