"""Clones of the newest commits, and the history that they are given the first time somebody asks for it.

Who reads what is there now needs one commit. Who asks what was there before, or makes a change that must be compared
with it, needs all: then the clone becomes one with history, for good. A file in the clone says which kind it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from registry_tool.errors import OfflineError
from registry_tool.git.cloning import FILTERS, building, clone_history, clone_newest, crown, held
from registry_tool.git.plumbing import Git, GitFailed
from registry_tool.git.promised import ALONE, promising
from registry_tool.git.shallow import NEWEST, boundary, is_newest

__all__ = ["REFSPECS", "adopt", "deepen", "make_newest", "renew"]

REFSPECS: Final = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
# Each request leaves a pack, and git looks into all of them.
_MOST_PACKS: Final = 60
_A_WHILE: Final = 3.0  # seconds


def make_newest(url: str, place: Path, settings: Mapping[str, str]) -> None:
    """Clone the newest commits.

    Args:
        url: What ``git clone`` takes, without credentials.
        place: Where to make it.
        settings: With which it is reached.

    Raises:
        GitFailed: It cannot be reached, or does not serve clones of this kind.
    """
    chosen = clone_newest(url, place, settings)
    (place / NEWEST).write_text(chosen, encoding="ascii")


def _refs(out: bytes) -> set[bytes]:
    return {line.replace(b"\t", b" ") for line in out.split(b"\n") if line}


def _depth(git: Git) -> list[str]:
    """What keeps a clone shallow; nothing for one that somebody has deepened by hand."""
    parents = git.run("rev-list", "--parents", "--max-count=1", "HEAD", "--", allowed=(0, 128))
    return [] if len(parents.split()) > 1 else ["--depth=1"]


def _cut_at(git: Git, commits: Iterable[str]) -> None:
    """Write down where the clone ends."""
    lines = "".join(f"{commit}\n" for commit in sorted(commits))
    beside = git.git_dir / "shallow.new"
    beside.write_text(lines, encoding="ascii")
    beside.replace(git.git_dir / "shallow")
    if not lines:
        (git.git_dir / "shallow").unlink()


def _forget(git: Git) -> None:
    """Forget the boundary that was: git keeps it, and would name it to the server at each request."""
    out = git.run("for-each-ref", "--format=%(objectname) %(*objectname)")
    _cut_at(git, boundary(git).intersection(out.decode().split()))


def _tidy(git: Git) -> None:
    """Make one pack of many; processes that read the old ones find everything in it."""
    if len(list((git.git_dir / "objects" / "pack").glob("*.pack"))) > _MOST_PACKS:
        git.run(*promising(ALONE), "repack", "-a", "-d", "-q")


def renew(git: Git) -> None:
    """Fetch what is new into a clone of the newest commits.

    Raises:
        GitFailed: The remote cannot be reached.
    """
    # Whether anything is new is asked first: a server looks for the boundary of a shallow clone even when nothing is.
    there = git.run("ls-remote", "--quiet", "--heads", "--tags", "--refs", "origin")
    here = git.run("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags")
    if _refs(there) == _refs(here):
        return
    said = (git.git_dir / NEWEST).read_text(encoding="ascii", errors="replace")
    # A word to git, so it is one of ours or none.
    chosen, depth = said if said in FILTERS else FILTERS[-1], _depth(git)
    git.run(
        *promising(chosen), "fetch", "--quiet", "--prune", "--no-auto-maintenance", "--no-write-fetch-head",
        *depth, f"--filter={chosen}", "origin", *REFSPECS,
    )  # fmt: skip
    if depth:
        _forget(git)
    with contextlib.suppress(GitFailed):  # it is asked for again when it is read
        crown(git)
    _tidy(git)


def adopt(git: Git, commit: str) -> None:
    """Bring one commit more, such as one that a deployment is pinned to; without its history.

    Raises:
        GitFailed: The remote has no such commit, or cannot be reached.
        EnvironmentTrouble: Another process has been fetching for ten minutes.
    """
    with held(git.git_dir, "the registry"):
        git.run(
            *promising(ALONE), "fetch", "--quiet", "--no-tags", "--no-write-fetch-head",
            "--no-auto-maintenance", "--depth=1", f"--filter={ALONE}", "origin", commit,
        )  # fmt: skip


@contextlib.contextmanager
def _said_if_long(words: str) -> Iterator[None]:
    """Log what is done, to whoever listens, when it takes a while."""
    import logging
    import threading

    timer = threading.Timer(_A_WHILE, logging.getLogger(__name__).info, [words])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def deepen(git: Git) -> None:
    """Give a clone its history, unless another process was faster.

    Raises:
        OfflineError: It cannot be brought.
        EnvironmentTrouble: Another process has been bringing it for ten minutes.
    """
    url = git.config("remote.origin.url") or ""
    with held(git.git_dir, "the registry"), _said_if_long("bringing the registry's history, once"):
        if is_newest(git):
            _deepen(git, url)


def _deepen(git: Git, url: str) -> None:
    # Cloned beside, and not fetched: git takes for granted that whoever has a commit has its folders.
    try:
        with building(git.git_dir) as folder:
            whole = clone_history(url, folder, git.settings)
            partial = Git(whole).flag("remote.origin.promisor")
            _take_in(whole / "objects" / "pack", git.git_dir / "objects" / "pack")
    except GitFailed as exc:
        raise OfflineError(
            f"the answer needs the registry's history, which cannot be brought: {exc.message}",
            remedy="try again with a network",
        ) from exc
    _lay_open(git)
    if partial:
        git.run("config", "remote.origin.promisor", "true")
        git.run("config", "remote.origin.partialclonefilter", "blob:none")
    (git.git_dir / NEWEST).unlink()


def _take_in(packs: Path, place: Path) -> None:
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


def _lay_open(git: Git) -> None:
    """Forget the boundary, but where history was rewritten: what was before such a commit nobody has any more."""
    cut = []
    for commit, parents in _parents(git, boundary(git)):
        asked = "".join(f"{parent}\n" for parent in parents).encode()
        if b" missing\n" in git.run("cat-file", "--batch-check", stdin=asked):
            cut.append(commit)
    _cut_at(git, cut)
