"""The first-parent line of a branch: what was published, step by step.

A commit on the line is one state that readers could have seen; a merge is one step, whatever its branch was made of.
The order is the graph's. Clocks are told, never trusted: two steps of one second and a machine an hour slow change
nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from registry_tool.git.log import LITERAL, Step, Touch, log, said, split_at
from registry_tool.git.plumbing import Git
from registry_tool.git.shallow import boundary, too_shallow, with_history

__all__ = ["LITERAL", "Line", "Step", "Touch"]

_LINE: Final = ("--first-parent", "--diff-merges=first-parent")


class Line:
    """The first-parent line that ends at a commit.

    Args:
        git: The repository; bare, shallow and partial clones serve too. A cached clone without history is given it.
        tip: The full id of the commit.
    """

    def __init__(self, git: Git, tip: str) -> None:
        self.git = git
        self.tip = tip

    def __repr__(self) -> str:
        return f"Line({self.tip[:12]} in {self.git.place})"

    def _range(self, since: str) -> list[str]:
        return [self.tip, f"^{since}"] if since else [self.tip]

    def _read(
        self, options: tuple[str, ...], since: str, paths: tuple[str, ...]
    ) -> Iterator[tuple[Step, Touch | None]]:
        with_history(self.git)
        cut = boundary(self.git)
        for step, touch in log(self.git, self._range(since), paths, *_LINE, *options):
            if step.commit in cut:
                raise too_shallow(self.git, step.commit)
            yield step, touch
        # A boundary commit without the paths is not listed, and what it hides is no less unknown.
        self._check_whole(cut, since)

    def _check_whole(self, cut: frozenset[str], since: str) -> None:
        if not cut:
            return
        out = self.git.run(
            "rev-list", "--first-parent", "--max-parents=0", "--end-of-options",
            *self._range(since), "--",
        )  # fmt: skip
        for commit in out.decode().split():
            if commit in cut:
                raise too_shallow(self.git, commit)

    def steps(self, *, since: str = "") -> Iterator[Step]:
        """Every commit of the line, newest first.

        Args:
            since: The full id of a commit on the line; it and what lies before it are left out.

        Raises:
            ShallowHistory: The walk reaches the boundary of a shallow clone.
            GitTrouble: Git cannot read the history.
        """
        return (step for step, _ in self._read(("--no-patch",), since, ()))

    def touches(self, *paths: str, since: str = "") -> Iterator[Touch]:
        """What the steps of the line changed, newest first; the files of one step in path order.

        Args:
            paths: Files or folders, as they are written; none for all.
            since: The full id of a commit on the line; it and what lies before it are left out.

        Raises:
            ShallowHistory: The walk reaches the boundary of a shallow clone. What came before it is right.
            GitTrouble: Git cannot read the history.
        """
        found = self._read(("--raw",), since, paths)
        return (touch for _, touch in found if touch is not None)

    def entered(self, path: str) -> Touch | None:
        """The newest step that gave a file the content it has at the tip.

        Returns:
            The touch; None when the tip has no such file.

        Raises:
            ShallowHistory: The file is older than the boundary of a shallow clone, or was never there.
            GitTrouble: Git cannot read the history.
        """
        # As a folder a path stands for all that is in it.
        newest = next((t for t in self.touches(path) if t.path == path), None)
        return newest if newest is not None and newest.after is not None else None

    def holds(self, commit: str) -> bool:
        """True when a commit, given by its full id, is on the line.

        Raises:
            ShallowHistory: It may lie behind the boundary of a shallow clone.
            GitTrouble: Git cannot read the history.
        """
        return commit == self.nearest(frozenset({commit}))

    def nearest(self, commits: frozenset[str]) -> str | None:
        """The newest commit of the line that is one of some, given by their full ids.

        Raises:
            ShallowHistory: None is found before the boundary of a shallow clone.
            GitTrouble: Git cannot read the history.
        """
        for commit in self.commits():
            if commit in commits:
                return commit
        return None

    def commits(self) -> Iterator[str]:
        """The full ids of the line's commits, newest first.

        Raises:
            ShallowHistory: The boundary of a shallow clone was passed.
            GitTrouble: Git cannot read the history.
        """
        with_history(self.git)
        arguments = ["rev-list", "--first-parent", "--end-of-options", self.tip, "--"]
        for field in split_at(b"\n", said(self.git, arguments)):
            yield field.decode()
        self._check_whole(boundary(self.git), "")

    def vanished(self, *folders: str) -> frozenset[str]:
        """Names that were given away and are gone: of versions, models, namespaces and tags.

        The answer is kept in the repository's own folder and brought up to date with what was added to the line.

        Args:
            folders: Where the names were given; none for everywhere.

        Returns:
            Paths of ``version.yaml``, ``model.yaml``, ``namespace.yaml`` and ``tags/*.yaml`` that were on the line once
            and are not at the tip: those below the folders, perhaps with others.

        Raises:
            ShallowHistory: The clone is shallow.
            GitTrouble: Git cannot read the history.
        """
        from registry_tool.git.vanished import EVERYTHING, vanished  # it walks this line

        return vanished(self, folders or [EVERYTHING])
