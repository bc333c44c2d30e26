"""Commits and trees that no ref reaches and that can still be published.

They are in reflogs, stashes, rebased commits, other work trees and the index. ``git stash pop``,
``git reset --hard HEAD@{1}`` or ``git cherry-pick ID`` restore them long after the ref is gone.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from registry_tool.git.command import Git, find_repository
from registry_tool.git.commit_tree import PickedTree
from registry_tool.git.objects.reader import BlobReader
from registry_tool.git.tree import Entry, Tree

__all__ = ["linked_work_trees", "unmerged_trees", "unnamed_commits"]

_ID: Final = re.compile(r"^([0-9a-f]{40}(?:[0-9a-f]{24})?)\b", re.MULTILINE)
# https://git-scm.com/docs/gitglossary#Documentation/gitglossary.txt-aiddefpseudorefapseudoref
_PSEUDO_REFS: Final = (
    "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD", "ORIG_HEAD", "AUTO_MERGE", "FETCH_HEAD",
)  # fmt: skip
_PSEUDO_LIMIT: Final = 16 << 20
# Git keeps a reflog entry that no ref leads to for 30 days (gc.reflogExpireUnreachable); a dropped stash has none.
_YOUNG_SECONDS: Final = 30 * 24 * 3600


def _ids(out: bytes) -> list[str]:
    return out.decode(errors="surrogateescape").split()


def _revisions(git: Git, *asked: str) -> list[str]:
    # If none of these is a commit, git reports a missing argument: status 129.
    return _ids(git.run("rev-list", "--ignore-missing", *asked, allowed=(0, 129)))


def _pseudo_refs(git: Git) -> Iterator[str]:
    for name in _PSEUDO_REFS:
        try:
            with (git.git_dir / name).open(encoding="ascii", errors="replace") as stream:
                yield from _ID.findall(stream.read(_PSEUDO_LIMIT))
        except OSError:
            continue


def _list_stashed(git: Git) -> list[str]:
    """The commits of the stash with their parents: the staged files, and with ``git stash -u`` the untracked ones."""
    found = git.run("rev-parse", "--verify", "--quiet", "refs/stash", allowed=(0, 1, 128))
    if not found.strip():
        return []
    listed = git.run(
        "log", "--walk-reflogs", "--format=%H %P", "refs/stash", "--", allowed=(0, 128)
    )
    return _ids(listed or git.run("log", "-1", "--format=%H %P", "refs/stash", "--"))


def _list_dropped(git: Git) -> list[str]:
    """The young commits that neither a ref nor a reflog leads to."""
    asked = ("--batch-all-objects", "--unordered", "--batch-check=%(objecttype) %(objectname)")
    lines = git.run("cat-file", *asked).decode().splitlines()
    commits = {oid for kind, _, oid in (line.partition(" ") for line in lines) if kind == "commit"}
    left = commits.difference(_revisions(git, "--all", "--reflog"))
    if not left:
        return []
    dated = git.run(
        "log", "--no-walk=unsorted", "--stdin", "--format=%H %ct", stdin="\n".join(left).encode()
    )
    since = time.time() - _YOUNG_SECONDS
    words = (line.split() for line in dated.decode().splitlines())
    return sorted(oid for oid, moment in words if float(moment) >= since)


def unnamed_commits(git: Git) -> list[str]:
    """The commits that can be published again although no ref is at them; some may have lost files.

    Raises:
        GitCommandError: The repository cannot be read.
    """
    heads = [
        field.removeprefix("HEAD ")
        for field in git.run("worktree", "list", "--porcelain", "-z").decode(errors="replace").split("\0")
        if field.startswith("HEAD ") and field.strip("HEAD 0")
    ]  # fmt: skip
    found = (
        *heads,
        *_pseudo_refs(git),
        *_list_stashed(git),
        *_revisions(git, "--no-walk=unsorted", "--reflog"),
        *_list_dropped(git),
    )
    return list(dict.fromkeys(found))


def linked_work_trees(git: Git) -> list[Git]:
    """The other work trees of a repository, those whose folder is gone left out."""
    found = []
    for field in git.run("worktree", "list", "--porcelain", "-z").split(b"\0"):
        word, _, place = field.decode(errors="surrogateescape").partition(" ")
        folder = Path(place)
        if word != "worktree" or not (folder / ".git").exists():
            continue
        other = find_repository(folder)
        if other is not None and other.git_dir.resolve() != git.git_dir.resolve():
            found.append(other)
    return found


def unmerged_trees(git: Git, reader: BlobReader) -> list[Tree]:
    """The files of a merge with conflicts: those of the common ancestor, ours and theirs."""
    sides: dict[str, dict[str, Entry]] = {}
    for line in (
        git.run("ls-files", "--unmerged", "-z").decode(errors="surrogateescape").split("\0")
    ):
        meta, _, path = line.partition("\t")
        if path:
            mode, oid, stage = meta.split(" ")
            sides.setdefault(stage, {})[path] = Entry(int(mode, 8), oid)

    def read_blob(oid: str, limit: int | None) -> bytes | None:
        found = reader.read(oid, limit=limit)
        return None if found is None else found[2]

    return [PickedTree(files, read_blob) for _, files in sorted(sides.items())]
