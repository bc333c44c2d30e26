"""Making clones: of the newest commits alone, or of all history without files.

What a server can do is found out by asking: one that does not filter, does not give single objects or knows no
shallow clones is cloned in the way it can.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from registry_tool.errors import EnvironmentTrouble, MalformedTree
from registry_tool.git.plumbing import Git, GitFailed, clone_bare
from registry_tool.git.promised import ALONE, PromisedReader, request
from registry_tool.git.stored import parse_tree_object
from registry_tool.git.tree import FOLDER, SUBMODULE, Entry

__all__ = ["FILTERS", "building", "clone_history", "clone_newest", "crown", "held"]

# With the commit come the root, its files and the folders in it; large hosts may allow the commit alone.
FILTERS: Final = ("tree:2", "tree:0")
_LOCK_SECONDS: Final = 600


@contextlib.contextmanager
def held(place: Path, shown: str) -> Iterator[None]:
    """The lock on a clone, for whoever makes it, fetches into it or brings its history.

    Args:
        place: Of the clone, which need not be there yet.
        shown: What is cloned, for messages.

    Raises:
        EnvironmentTrouble: Another process has held it for ten minutes.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(f"{place}.lock", timeout=_LOCK_SECONDS)
    try:
        lock.acquire()
    except OSError as exc:
        raise EnvironmentTrouble(
            f"{place.parent} cannot be written: {exc.strerror}",
            remedy="name a folder of your own: export REGISTRY_CACHE=~/.cache/registry-tool",
        ) from exc
    except Timeout as exc:
        raise EnvironmentTrouble(
            f"another process has been fetching {shown} for {_LOCK_SECONDS} seconds",
            remedy="wait for it to end and try again",
        ) from exc
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def building(place: Path) -> Iterator[Path]:
    """A folder beside a clone, for what is renamed into its place when it is whole."""
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix=".new-", dir=place.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _gives_blobs(clone: Git) -> bool:
    """True when a blob that the clone left out can be had.

    A server may filter and then not give single objects: over SSH without ``AcceptEnv GIT_PROTOCOL`` Git falls back to
    protocol 0, where only the tips of branches can be asked for.
    """
    arguments = ["rev-parse", "--verify", "--quiet", "HEAD:registry.yaml"]
    blob = clone.run(*arguments, allowed=(0, 1, 128)).decode().strip()
    try:
        return not blob or bool(clone.run("cat-file", "blob", blob))
    except GitFailed:
        return False


def clone_history(url: str, folder: Path, settings: Mapping[str, str]) -> Path:
    """Clone a repository with all of its history, without files where the server allows it.

    Args:
        url: What ``git clone`` takes, without credentials.
        folder: Where to make it.
        settings: With which it is reached.

    Returns:
        Where it is in that folder.

    Raises:
        GitFailed: It cannot be reached.
    """
    try:
        clone_bare(url, folder / "clone", "--filter=blob:none", settings=settings)
    except GitFailed as exc:
        if "filter" not in exc.words:
            raise
    else:
        if _gives_blobs(Git(folder / "clone", settings=settings)):
            return folder / "clone"
    clone_bare(url, folder / "whole", settings=settings)
    return folder / "whole"


def clone_newest(url: str, place: Path, settings: Mapping[str, str]) -> str:
    """Clone the newest commit of each branch and tag; folders and files are left on the remote.

    Git is not told that the clone is partial: it would bring a missing folder with everything below it.

    Args:
        url: What ``git clone`` takes, without credentials.
        place: Where to make it.
        settings: With which it is reached.

    Returns:
        The filter that the server allows.

    Raises:
        GitFailed: It cannot be reached, or does not serve clones of this kind.
    """
    chosen = _cloned(url, place, settings)
    git = Git(place, settings=settings)
    for key in ("promisor", "partialclonefilter"):
        git.run("config", "--unset-all", f"remote.origin.{key}", allowed=(0, 5))
    crown(git)
    return chosen


def _cloned(url: str, place: Path, settings: Mapping[str, str]) -> str:
    for chosen in FILTERS:
        try:
            options = ("--depth=1", "--no-single-branch", f"--filter={chosen}")
            clone_bare(url, place, *options, settings=settings)
        except GitFailed as exc:
            shutil.rmtree(place, ignore_errors=True)
            if chosen == FILTERS[-1] or "filter" not in exc.words:
                raise
        else:
            break
    return chosen


def _listed(reader: PromisedReader, git: Git, folders: list[str]) -> list[Entry]:
    """What is in some folders, which are brought."""
    request(git, reader.absent(folders), ALONE)
    entries: list[Entry] = []
    for tree in reader.read_many(folders):
        if tree is not None:
            with contextlib.suppress(MalformedTree):  # whoever reads it hears of it, with its place
                entries += parse_tree_object(tree[2], len(tree[0]) // 2).values()
    return entries


def crown(git: Git) -> None:
    """Have what every command reads: the root of HEAD, its files and folders, and the files in these.

    Where all that is here already, one object more is asked for: that shows whether the server gives single objects.

    Raises:
        GitFailed: It does not.
    """
    reader = PromisedReader(git)
    try:
        found = reader.read("HEAD")
        if found is None:  # nothing was ever committed
            return
        root = found[2].split(b"\n", 1)[0].removeprefix(b"tree ").decode()
        top = _listed(reader, git, [root])
        inner = _listed(reader, git, [e.oid for e in top if e.mode == FOLDER])
        files = [e.oid for e in (*top, *inner) if e.mode not in {FOLDER, SUBMODULE}]
        missing = reader.absent(files)
        request(git, missing or sorted(reader.absent([e.oid for e in inner]))[:1], ALONE)
    finally:
        reader.close()
