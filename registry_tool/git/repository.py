"""One opened repository: which commit, which tree, and whether its history is whole."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path

from registry_tool.errors import NotARegistry, NotFound, UsageError
from registry_tool.git.clones import is_url, open_clone
from registry_tool.git.plumbing import Git, find_repository
from registry_tool.git.reader import BlobReader
from registry_tool.git.stored import CommitTree
from registry_tool.git.tree import Tree
from registry_tool.git.worktree import FolderTree, staged_tree, work_tree
from registry_tool.places import cache_folder

__all__ = ["Repository"]

_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
)


def _in_utc(moment: str) -> str:
    """A time for Git, which takes what it cannot read for the present and says nothing."""
    import datetime as dt

    bound = f"{moment}T23:59:59Z" if len(moment) == len("2026-08-01") else moment
    try:
        read = dt.datetime.fromisoformat(bound)
        zoned = read if read.tzinfo is not None else read.replace(tzinfo=dt.UTC)
        last = dt.datetime(2099, 12, 31, tzinfo=dt.UTC)  # Git reads no later date
        return min(zoned.astimezone(dt.UTC), last).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError) as exc:
        raise UsageError(
            f"{moment} is not a time", remedy="a time looks like 2026-08-01 or 2026-08-01T12:00:00Z"
        ) from exc


class Repository:
    """A Git repository, opened from a path or a URL.

    Args:
        git: The repository.
        source: What it was opened from, for messages.
        note: Why it may be out of date; empty when it is not.
    """

    def __init__(self, git: Git, *, source: str, note: str = "") -> None:
        self.git = git
        self.source = source
        self.note = note

    @cached_property
    def reader(self) -> BlobReader:
        """The process that reads objects."""
        return BlobReader(self.git)

    @classmethod
    def open(cls, source: str | Path, *, offline: bool = False) -> Repository:
        """Open the repository that holds a path, or the cached clone of a URL.

        Raises:
            NotARegistry: There is no Git repository at the path.
            OfflineError: The URL cannot be reached and was never cloned.
        """
        text = str(source)
        if isinstance(source, str) and is_url(text):
            clone = open_clone(text, cache_folder() / "clones", offline=offline)
            return cls(clone.git, source=text, note=clone.note)
        git = find_repository(Path(source))
        if git is None:
            raise NotARegistry(
                f"{text} is not in a Git repository",
                remedy="go into a registry, name one with --repo, or make one: registry init DIR --name NAME",
            )
        return cls(git, source=text)

    def commit(self, ref: str) -> str:
        """The commit id of a branch, tag, commit or ``HEAD``.

        Raises:
            NotFound: There is none; an empty repository has no HEAD.
        """
        # Asked of the process that will read the files, so that a cold start runs git once.
        found = self.reader.read(f"{ref}^{{commit}}")
        if found is not None:
            return found[0]
        if ref == "HEAD":
            raise NotFound(
                f"{self.source} has no commit yet", remedy="commit what is there: git commit"
            )
        raise NotFound(
            f"{ref!a} is not a commit, branch or tag of {self.source}",
            remedy="`git log --oneline --all` shows what there is",
        )

    def commit_at(self, moment: str, *, ref: str) -> str:
        """The commit a branch was at, at some time, on its first-parent line; or what a revision names.

        A time is ``2026-08-01`` (its end, UTC) or RFC 3339; anything else is a branch, tag or commit.

        Raises:
            NotFound: The branch began later, or there is no such revision.
            UsageError: There is no such day or time.
        """
        if not _TIME.fullmatch(moment):
            return self.commit(moment)
        before = f"--before={_in_utc(moment)}"
        tip = self.commit(ref)
        found = self.git.line("rev-list", "-1", "--first-parent", before, "--end-of-options", tip)
        if found:
            return found
        shallow = (self.git.git_dir / "shallow").exists()
        raise NotFound(
            f"{ref} has no commit as old as {moment}",
            remedy="the clone is shallow: git fetch --unshallow" if shallow else "",
        )

    def tree(self, commit: str) -> CommitTree:
        """The files of a commit."""
        return CommitTree(self.git, commit, self.reader)

    def staged(self) -> Tree:
        """The files as they are staged."""
        return staged_tree(self.git, self.reader)

    def work(self) -> Tree:
        """The files of the work tree that Git would take in."""
        return work_tree(self.git, self.reader)

    def on_disk(self) -> FolderTree | None:
        """The files on disk, for reading; None where the disk does not hold them all (bare, sparse)."""
        top = self.git.work_tree
        if top is None or not (top / "registry.yaml").exists():
            return None
        if (self.git.git_dir / "info" / "sparse-checkout").exists():
            return None
        return FolderTree(top)

    def close(self) -> None:
        """End the reading process."""
        self.reader.close()
