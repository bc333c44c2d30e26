"""The branches with proposals of each author: which are not merged, and which one the next proposal goes to."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from registry_tool.errors import ConflictError, RegistryError
from registry_tool.git.command import Git
from registry_tool.git.ref_watch import FolderWatch
from registry_tool.git.remote.ref_updates import BRANCHES
from registry_tool.writer.branch import Branch
from registry_tool.writer.branch_names import PROPOSALS, branch_of_author, split_proposal
from registry_tool.writer.request import Person

__all__ = ["AuthorBranches"]

# Proposals of one author that are looked at, and those that may wait for a person to resolve them.
_MOST_OF_AUTHOR: Final = 32
_MOST_STUCK: Final = 8


class AuthorBranches:
    """The branches of all authors in a repository; for one thread.

    Args:
        git: The repository.
        main: The published branch, without ``refs/heads/``, for messages.
        read: Gives a branch by its name.
    """

    def __init__(self, git: Git, main: str, read: Callable[[str], Branch]) -> None:
        self._main = main
        self._read = read
        self._watch = FolderWatch(git, f"{BRANCHES}{PROPOSALS}")
        self._tips: Mapping[str, str] = {}
        self._groups: Mapping[str, Sequence[tuple[int, str]]] = {}
        self._open: dict[str, list[Branch]] = {}

    def forget(self) -> None:
        """Look again, as a branch may have moved."""
        self._open = {}

    def list_open(self, author: Person) -> list[Branch]:
        """The author's branches that are not merged, the newest first; those that cannot be read are left out."""
        first = branch_of_author(author)
        if first not in self._open:
            found: list[Branch] = []
            own = sorted(self._group().get(first, ()), reverse=True)
            for _, name in own[:_MOST_OF_AUTHOR]:
                with contextlib.suppress(RegistryError):  # said at /status
                    branch = self._read(name)
                    if not branch.unmerged.is_merged:
                        found.append(branch)
            self._open[first] = found
        return self._open[first]

    def _group(self) -> Mapping[str, Sequence[tuple[int, str]]]:
        """The branches of each author with their numbers, by the first of them."""
        tips = self._watch.tips()
        if tips is not self._tips:
            groups: dict[str, list[tuple[int, str]]] = {}
            for name in tips:
                first, number = split_proposal(f"{PROPOSALS}{name}")
                groups.setdefault(first, []).append((number, f"{PROPOSALS}{name}"))
            self._tips, self._groups = tips, groups
        return self._groups

    def choose(self, author: Person) -> str:
        """The author's newest proposal, or a new one where there is none, or where it cannot be merged any more.

        Raises:
            ConflictError: Too many cannot be merged any more.
        """
        proposals = self.list_open(author)
        if not proposals:
            return branch_of_author(author)
        if not proposals[0].unmerged.is_stuck:
            return proposals[0].name
        if len(proposals) >= _MOST_STUCK:
            raise ConflictError(
                f"{len(proposals)} proposals of {author} conflict with {self._main}",
                remedy=f"rebase them, or delete their branches: {', '.join(one.name for one in proposals)}",
            )
        return branch_of_author(author, split_proposal(proposals[0].name)[1] + 1)
