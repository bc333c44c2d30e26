"""The clone of a server that was given a URL: whole, bare, its own, and moved as the remote moves.

The cache of clones does not serve here: other commands change it, and its clones lack history and files. A branch moves
here after the remote's; so where both differ, the remote is right, also after it was rewound.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from registry_tool.errors import OfflineError, OperationalError, RegistryError
from registry_tool.git.command import Git, GitCommandError, clone_bare
from registry_tool.git.ref_watch import FolderWatch
from registry_tool.git.remote.clone import REFSPECS, lock_clone, staging_folder
from registry_tool.git.remote.clone_cache import check_url
from registry_tool.git.remote.ref_updates import BRANCHES
from registry_tool.git.remote.url import build_settings, shown_url, stored_url, without_credentials
from registry_tool.git.revisions import find_tip
from registry_tool.writer.branch_names import PROPOSALS

__all__ = ["OwnClone", "open_own_clone"]

_INTERVAL: Final = 0.7  # others' commits are served within a second
_LONGEST_PAUSE: Final = 30.0
_PROPOSALS: Final = f"{BRANCHES}{PROPOSALS}"
_TRACKING: Final = "refs/remotes/origin/"
_MOST_AT_ONCE: Final = 500  # branches in one command
_QUIET: Final = ("--quiet", "--no-auto-maintenance", "--no-write-fetch-head", "--no-tags")


def open_own_clone(url: str, folder: Path) -> OwnClone:
    """The clone of a URL below a folder; made if there is none yet, else fetched.

    Args:
        url: As for ``git clone``; credentials in it are not stored.
        folder: The folder of such clones.

    Raises:
        UsageError: The URL names a transport that can run commands, or none.
        OfflineError: The remote cannot be reached, and there is no clone yet.
        OperationalError: The folder cannot be written.
    """
    check_url(url)
    stored, settings = stored_url(url), build_settings(url)
    place = (
        folder / f"{hashlib.sha256(stored.encode(errors='surrogateescape')).hexdigest()[:24]}.git"
    )
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as exc:
        raise OperationalError(f"{folder} cannot be created: {exc.strerror}") from exc
    with lock_clone(place, shown_url(url)):
        if not place.exists():
            _clone(stored, place, settings, shown_url(url))
    return OwnClone(Git(place, settings=settings), shown_url(url))


def _clone(stored: str, place: Path, settings: Mapping[str, str], shown: str) -> None:
    try:
        with staging_folder(place) as staging:
            clone_bare(stored, staging / "whole", settings=settings)
            (staging / "whole").rename(place)
    except GitCommandError as exc:
        raise OfflineError(
            f"{shown} cannot be cloned: {without_credentials(exc.message)}",
            remedy="check the address, the network and your credentials",
        ) from exc


class OwnClone:
    """A clone that follows its remote.

    Args:
        git: The bare repository.
        shown: The address of the remote, for messages.
    """

    def __init__(self, git: Git, shown: str) -> None:
        self.git = git
        self.shown = shown
        self._trouble = ""
        self._proposals = FolderWatch(git, _PROPOSALS)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def trouble(self) -> str:
        """Why the clone may be behind the remote; empty where it is not."""
        return self._trouble

    def fetch_all(self) -> None:
        """Bring all branches and tags to where they are on the remote; for a start, and for a server that only reads.

        Raises:
            GitError: The remote cannot be reached.
        """
        self.git.run("fetch", *_QUIET, "--prune", "origin", *REFSPECS)

    def follow_branches(self, ref: str) -> bool:
        """Bring a branch, and those with proposals, to where they are on the remote; True where one moved.

        One that moves here meanwhile stays; a proposal that was deleted there is deleted here.

        Raises:
            GitError: The remote cannot be reached.
        """
        # Read first: what the writer pushes later is newer than what the remote says now.
        here = {f"{_PROPOSALS}{name}": oid for name, oid in self._proposals.tips().items()}
        if tip := find_tip(self.git, ref):
            here[ref] = tip
        there = self._list_remote(ref)
        if ref not in there:
            return False
        changed = [name for name in there if there[name] != here.get(name)][:_MOST_AT_ONCE]
        gone = [name for name in here if name not in there]
        if not changed and not gone:
            return False
        if changed:
            names = {name: f"{_TRACKING}{name.removeprefix(BRANCHES)}" for name in changed}
            self.git.run("fetch", *_QUIET, "origin", *(f"+{n}:{at}" for n, at in names.items()))
        moved = [self._move(name, here.get(name, "")) for name in changed]
        moved += [self._update("-d", name, here[name]) for name in gone]
        return any(moved)

    def _list_remote(self, ref: str) -> dict[str, str]:
        said = self.git.run("ls-remote", "--quiet", "origin", ref, f"{_PROPOSALS}*")
        lines = (
            line.partition("\t") for line in said.decode(errors="surrogateescape").splitlines()
        )
        found = {name: oid for oid, _, name in lines}
        return {
            name: oid
            for name, oid in found.items()
            if name == ref
            or (name.startswith(_PROPOSALS) and "/" not in name.removeprefix(_PROPOSALS))
        }

    def _move(self, name: str, here: str) -> bool:
        newest = find_tip(self.git, f"{_TRACKING}{name.removeprefix(BRANCHES)}")
        return newest not in {None, here} and self._update(name, str(newest), here)

    def _update(self, *arguments: str) -> bool:
        try:
            self.git.run("update-ref", "-m", "registry serve: fetch", *arguments)
        except GitCommandError:
            return False  # the writer has moved it
        return True

    def start(self, ref: str, on_moved: Callable[[], object]) -> None:
        """Follow a branch and those with proposals, in a thread, until ``close``.

        Args:
            ref: Its full name.
            on_moved: Called by the thread when the branch, or one with proposals, has moved.
        """
        self._thread = threading.Thread(
            target=self._follow, args=(ref, on_moved), name="followed remote", daemon=True
        )
        self._thread.start()

    def _follow(self, ref: str, on_moved: Callable[[], object]) -> None:
        pause = _INTERVAL
        while not self._stopped.wait(pause):
            try:
                if self.follow_branches(ref):
                    on_moved()
            except RegistryError as exc:
                self._trouble = f"{self.shown} cannot be fetched: {without_credentials(str(exc))}"
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                self._trouble, pause = "", _INTERVAL

    def close(self) -> None:
        """Stop following."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
