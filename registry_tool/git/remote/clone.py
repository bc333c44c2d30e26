"""Making clones: with the latest commits only, or with all history and without files.

A server's abilities are found by trying: if it does not filter, does not serve single objects or does not support shallow
clones, the clone is made without that.

Reading the current state needs one commit. A query about the past, or a change that must be compared with it, needs all
history: ``complete_history`` then converts the clone, permanently. A marker file shows which kind a clone is.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from registry_tool.errors import MalformedTreeError, OfflineError, OperationalError
from registry_tool.git.command import Git, GitCommandError, clone_bare
from registry_tool.git.commit_tree import parse_tree_object
from registry_tool.git.objects.reader import (
    ALONE,
    PartialCloneReader,
    promisor_options,
    request_objects,
)
from registry_tool.git.shallow import LATEST_ONLY, boundary, has_latest_only
from registry_tool.git.tree import FOLDER, SUBMODULE, Entry

__all__ = [
    "FILTERS",
    "REFSPECS",
    "clone_history",
    "clone_latest",
    "clone_latest_commits",
    "complete_history",
    "fetch_commit",
    "lock_clone",
    "prefetch_root",
    "staging_folder",
    "update_latest",
]

# With the commit come the root, its files and the folders in it; large hosts may allow the commit alone.
FILTERS: Final = ("tree:2", "tree:0")
_LOCK_SECONDS: Final = 600


@contextlib.contextmanager
def lock_clone(place: Path, shown: str) -> Iterator[None]:
    """The lock on a clone, for creating it, fetching into it or completing its history.

    Args:
        place: The path of the clone, which need not exist yet.
        shown: The name of the repository, for messages.

    Raises:
        OperationalError: Another process has had the lock for ten minutes.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(f"{place}.lock", timeout=_LOCK_SECONDS)
    try:
        lock.acquire()
    except OSError as exc:
        raise OperationalError(
            f"{place.parent} cannot be written: {exc.strerror}",
            remedy="set a folder that you can write to: export REGISTRY_CACHE=~/.cache/registry-tool",
        ) from exc
    except Timeout as exc:
        raise OperationalError(
            f"another process has been fetching {shown} for {_LOCK_SECONDS} seconds",
            remedy="wait until it has finished, then retry",
        ) from exc
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def staging_folder(place: Path) -> Iterator[Path]:
    """A temporary folder next to a clone, for files that are renamed when they are complete."""
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix=".new-", dir=place.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _gives_blobs(clone: Git) -> bool:
    """True if the server serves a blob that the clone left out.

    A server may filter and then not serve single objects: over SSH without ``AcceptEnv GIT_PROTOCOL`` Git falls back to
    protocol 0, which serves only the tips of branches.
    """
    arguments = ["rev-parse", "--verify", "--quiet", "HEAD:registry.yaml"]
    blob = clone.run(*arguments, allowed=(0, 1, 128)).decode().strip()
    try:
        return not blob or bool(clone.run("cat-file", "blob", blob))
    except GitCommandError:
        return False


def clone_history(url: str, folder: Path, settings: Mapping[str, str]) -> Path:
    """Clone a repository with all of its history, without files where the server allows it.

    Args:
        url: As for ``git clone``, without credentials.
        folder: The folder for the new clone.
        settings: Git settings for the connection.

    Returns:
        The path of the clone in that folder.

    Raises:
        GitCommandError: The server cannot be reached.
    """
    try:
        clone_bare(url, folder / "clone", "--filter=blob:none", settings=settings)
    except GitCommandError as exc:
        if "filter" not in exc.words:
            raise
    else:
        if _gives_blobs(Git(folder / "clone", settings=settings)):
            return folder / "clone"
    clone_bare(url, folder / "whole", settings=settings)
    return folder / "whole"


def clone_latest_commits(url: str, place: Path, settings: Mapping[str, str]) -> str:
    """Clone the latest commit of each branch and tag; folders and files stay on the remote.

    Git does not know that the clone is partial: it would fetch a missing folder with everything below it.

    Args:
        url: As for ``git clone``, without credentials.
        place: The path of the new clone.
        settings: Git settings for the connection.

    Returns:
        The filter that the server supports.

    Raises:
        GitCommandError: The server cannot be reached, or does not support such clones.
    """
    chosen = _clone_filtered(url, place, settings)
    git = Git(place, settings=settings)
    for key in ("promisor", "partialclonefilter"):
        git.run("config", "--unset-all", f"remote.origin.{key}", allowed=(0, 5))
    prefetch_root(git)
    return chosen


def _clone_filtered(url: str, place: Path, settings: Mapping[str, str]) -> str:
    for chosen in FILTERS:
        try:
            options = ("--depth=1", "--no-single-branch", f"--filter={chosen}")
            clone_bare(url, place, *options, settings=settings)
        except GitCommandError as exc:
            shutil.rmtree(place, ignore_errors=True)
            if chosen == FILTERS[-1] or "filter" not in exc.words:
                raise
        else:
            break
    return chosen


def _fetch_entries(reader: PartialCloneReader, git: Git, folders: list[str]) -> list[Entry]:
    """The entries of some folders, which are fetched."""
    request_objects(git, reader.absent(folders), ALONE)
    entries: list[Entry] = []
    for tree in reader.read_many(folders):
        if tree is not None:
            with contextlib.suppress(MalformedTreeError):  # reported with its path when it is read
                entries += parse_tree_object(tree[2], len(tree[0]) // 2).values()
    return entries


def prefetch_root(git: Git) -> None:
    """Fetch the files that every command reads: those in the root of HEAD and in its folders.

    If all of them are here, one more object is fetched, which shows whether the server serves single objects.

    Raises:
        GitCommandError: It does not.
    """
    reader = PartialCloneReader(git)
    try:
        found = reader.read("HEAD")
        if found is None:  # nothing was ever committed
            return
        root = found[2].split(b"\n", 1)[0].removeprefix(b"tree ").decode()
        top = _fetch_entries(reader, git, [root])
        inner = _fetch_entries(reader, git, [e.oid for e in top if e.mode == FOLDER])
        files = [e.oid for e in (*top, *inner) if e.mode not in {FOLDER, SUBMODULE}]
        missing = reader.absent(files)
        request_objects(git, missing or sorted(reader.absent([e.oid for e in inner]))[:1], ALONE)
    finally:
        reader.close()


REFSPECS: Final = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
# Each request leaves a pack, and git looks into all of them.
_MOST_PACKS: Final = 60
_A_WHILE: Final = 3.0  # seconds


def clone_latest(url: str, place: Path, settings: Mapping[str, str]) -> None:
    """Clone the latest commits, and mark the clone as such.

    Args:
        url: As for ``git clone``, without credentials.
        place: The path of the new clone.
        settings: Git settings for the connection.

    Raises:
        GitCommandError: The server cannot be reached, or does not support such clones.
    """
    chosen = clone_latest_commits(url, place, settings)
    (place / LATEST_ONLY).write_text(chosen, encoding="ascii")


def _refs(out: bytes) -> set[bytes]:
    return {line.replace(b"\t", b" ") for line in out.split(b"\n") if line}


def _depth(git: Git) -> list[str]:
    """The options that keep a clone shallow; none if it was deepened by hand."""
    parents = git.run("rev-list", "--parents", "--max-count=1", "HEAD", "--", allowed=(0, 128))
    return [] if len(parents.split()) > 1 else ["--depth=1"]


def _write_boundary(git: Git, commits: Iterable[str]) -> None:
    """Write the boundary of the clone."""
    lines = "".join(f"{commit}\n" for commit in sorted(commits))
    beside = git.git_dir / "shallow.new"
    beside.write_text(lines, encoding="ascii")
    beside.replace(git.git_dir / "shallow")
    if not lines:
        (git.git_dir / "shallow").unlink()


def _drop_old_boundary(git: Git) -> None:
    """Drop the old boundary: git keeps it, and would send it to the server with each request."""
    out = git.run("for-each-ref", "--format=%(objectname) %(*objectname)")
    _write_boundary(git, boundary(git).intersection(out.decode().split()))


def _repack(git: Git) -> None:
    """Make one pack of many; processes that read the old ones find everything in it."""
    if len(list((git.git_dir / "objects" / "pack").glob("*.pack"))) > _MOST_PACKS:
        git.run(*promisor_options(ALONE), "repack", "-a", "-d", "-q")


def update_latest(git: Git) -> None:
    """Update a clone of the latest commits.

    Raises:
        GitCommandError: The remote cannot be reached.
    """
    # List the refs first: a server computes the boundary of a shallow clone even if nothing is new.
    there = git.run("ls-remote", "--quiet", "--heads", "--tags", "--refs", "origin")
    here = git.run("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags")
    if _refs(there) == _refs(here):
        return
    said = (git.git_dir / LATEST_ONLY).read_text(encoding="ascii", errors="replace")
    # It is passed to git, so only a known value is used.
    chosen, depth = said if said in FILTERS else FILTERS[-1], _depth(git)
    git.run(
        *promisor_options(chosen), "fetch", "--quiet", "--prune", "--no-auto-maintenance", "--no-write-fetch-head",
        *depth, f"--filter={chosen}", "origin", *REFSPECS,
    )  # fmt: skip
    if depth:
        _drop_old_boundary(git)
    with contextlib.suppress(GitCommandError):  # fetched again when it is read
        prefetch_root(git)
    _repack(git)


def fetch_commit(git: Git, commit: str) -> None:
    """Fetch one more commit, such as one that a deployment is pinned to, without its history.

    Raises:
        GitCommandError: The remote has no such commit, or cannot be reached.
        OperationalError: Another process has been fetching for ten minutes.
    """
    with lock_clone(git.git_dir, "the registry"):
        git.run(
            *promisor_options(ALONE), "fetch", "--quiet", "--no-tags", "--no-write-fetch-head",
            "--no-auto-maintenance", "--depth=1", f"--filter={ALONE}", "origin", commit,
        )  # fmt: skip


@contextlib.contextmanager
def _log_if_slow(words: str) -> Iterator[None]:
    """Log a message if the block takes a while."""
    import logging
    import threading

    timer = threading.Timer(_A_WHILE, logging.getLogger(__name__).info, [words])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def complete_history(git: Git) -> None:
    """Fetch the history of a clone, unless another process has done so.

    Raises:
        OfflineError: It cannot be fetched.
        OperationalError: Another process has been fetching it for ten minutes.
    """
    url = git.config("remote.origin.url") or ""
    with (
        lock_clone(git.git_dir, "the registry"),
        _log_if_slow("fetching the registry's history; this happens once"),
    ):
        if has_latest_only(git):
            _complete(git, url)


def _complete(git: Git, url: str) -> None:
    # A second clone, not a fetch: git assumes that a clone with a commit has its folders.
    try:
        with staging_folder(git.git_dir) as folder:
            whole = clone_history(url, folder, git.settings)
            partial = Git(whole).flag("remote.origin.promisor")
            _move_packs(whole / "objects" / "pack", git.git_dir / "objects" / "pack")
    except GitCommandError as exc:
        raise OfflineError(
            f"cannot fetch the registry's history, which this command needs: {exc.message}",
            remedy="retry with a network connection",
        ) from exc
    _clear_boundary(git)
    if partial:
        git.run("config", "remote.origin.promisor", "true")
        git.run("config", "remote.origin.partialclonefilter", "blob:none")
    (git.git_dir / LATEST_ONLY).unlink()


def _move_packs(packs: Path, place: Path) -> None:
    """Move packs; an index last, because with it git begins to use its pack."""
    for pack in sorted(packs.iterdir(), key=lambda file: file.suffix == ".idx"):
        pack.replace(place / pack.name)


def _parents(git: Git, commits: frozenset[str]) -> Iterator[tuple[str, list[str]]]:
    for commit in commits:
        head = (
            git.run("cat-file", "commit", commit, allowed=(0, 128))
            .split(b"\n\n", 1)[0]
            .decode(errors="replace")
        )
        lines = (line.partition(" ") for line in head.split("\n"))
        yield commit, [oid for word, _, oid in lines if word == "parent"]


def _clear_boundary(git: Git) -> None:
    """Clear the boundary, except where history was rewritten: the parents of such a commit no longer exist."""
    cut = []
    for commit, parents in _parents(git, boundary(git)):
        asked = "".join(f"{parent}\n" for parent in parents).encode()
        if b" missing\n" in git.run("cat-file", "--batch-check", stdin=asked):
            cut.append(commit)
    _write_boundary(git, cut)
