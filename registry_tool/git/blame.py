"""The commit that gave a file its present content.

A merge is one published step, made by the person who merged. The commit that counts is in the merged branch: its author
wrote the file, and may have signed it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from registry_tool.git.history import LITERAL, FirstParentHistory, Touch
from registry_tool.git.log import HistoryStep
from registry_tool.git.shallow import boundary, too_shallow
from registry_tool.git.tree import Tree

__all__ = ["CommitOrigin", "ContentOrigin", "find_origins"]

_FORMAT: Final = "--format=%H%x00%an <%ae>%x00%cn <%ce>"


class CommitOrigin(NamedTuple):
    """The commit that gave a file its content.

    Attributes:
        commit: Its id.
        author: ``Name <email>``, as the commit says.
        committer: ``Name <email>``, as the commit says.
    """

    commit: str
    author: str
    committer: str


class ContentOrigin(NamedTuple):
    """The origin of a file's content.

    Attributes:
        origin: The commit.
        step: The step of the line that published it: the commit itself, or its merge.
        age: The number of later steps that changed such files; 0 is the newest.
    """

    origin: CommitOrigin
    step: HistoryStep
    age: int


def _merged_origin(line: FirstParentHistory, touch: Touch) -> CommitOrigin:
    """The commit in the merged branch; the step itself if it is not a merge, or made the content itself."""
    step = touch.step
    own = CommitOrigin(step.commit, step.author, step.committer)
    if len(step.parents) < 2:  # noqa: PLR2004 (a merge has two or more)
        return own
    out = line.git.run(
        "log", "-1", "--no-show-signature", "--no-renames", "-z", _FORMAT, "--encoding=UTF-8",
        "--end-of-options", step.commit, f"^{step.parents[0]}", "--", touch.path, env=LITERAL,
    )  # fmt: skip
    fields = out.decode(errors="surrogateescape").removesuffix("\0").split("\0")
    found = CommitOrigin(*fields) if len(fields) == len(CommitOrigin._fields) else own
    if found.commit in boundary(line.git):
        raise too_shallow(line.git, found.commit)
    return found


def _newest_touches(
    line: FirstParentHistory, wanted: frozenset[str]
) -> dict[str, tuple[Touch, int]]:
    """The newest touch of each file, and its age; the walk ends when all are found."""
    found: dict[str, tuple[Touch, int]] = {}
    ages: dict[str, int] = {}
    for touch in line.touches(*sorted(wanted)) if wanted else ():
        age = ages.setdefault(touch.step.commit, len(ages))
        if touch.path in wanted:
            found.setdefault(touch.path, (touch, age))
        if len(found) == len(wanted):
            break
    return found


def find_origins(
    line: FirstParentHistory, base: Tree, head: Tree, paths: Iterable[str]
) -> dict[str, ContentOrigin]:
    """Where the content of some files comes from.

    Args:
        line: The published history.
        base: The tree at the end of the line.
        head: The checked tree.
        paths: Files of it.

    Returns:
        For each file that was published just as it is judged; one that is new or changed there is left out.

    Raises:
        ShallowHistoryError: A file is older than the boundary of a shallow clone.
        GitError: Git cannot read the history.
    """
    judged = {path: head.entry(path) for path in paths}
    entries = {p: e for p, e in judged.items() if e is not None and e == base.entry(p) and e.oid}
    result: dict[str, ContentOrigin] = {}
    for path, (touch, age) in _newest_touches(line, frozenset(entries)).items():
        if touch.after is not None and touch.after.oid == entries[path].oid:
            result[path] = ContentOrigin(_merged_origin(line, touch), touch.step, age)
    return result
