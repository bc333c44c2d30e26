"""Whether Git tracks a file that is read from a work tree: then a commit brought it, and nobody here chose it."""

from __future__ import annotations

from pathlib import Path

from registry_tool.git.plumbing import find_repository

__all__ = ["is_tracked"]

# A path stands for itself, and `.DVC` is `.dvc` where the disk says so.
_ANY_CASE = {"GIT_NOGLOB_PATHSPECS": "1", "GIT_ICASE_PATHSPECS": "1"}


def is_tracked(root: Path, path: str) -> bool:
    """Whether a file of a work tree, or a link through which it is reached, is in Git's index.

    Args:
        root: The folder of a registry; one without Git tracks nothing.
        path: From the root.

    Raises:
        GitTrouble: The index cannot be read.
    """
    git = find_repository(root)
    if git is None or git.work_tree is None:
        return False
    top, ways = git.work_tree.resolve(), set[str]()
    # As it is called, and where it really is: a tracked link may lead to a tracked file of another name.
    for place in (root.resolve() / path, (root / path).resolve()):
        if place.is_relative_to(top):
            inner = place.relative_to(top)
            ways |= {one.as_posix() for one in (inner, *inner.parents) if one.parts}
    listed = git.run("ls-files", "-z", "--cached", "--", *sorted(ways), env=_ANY_CASE)
    found = {name.decode(errors="surrogateescape").casefold() for name in listed.split(b"\0")}
    # A folder's own name is in the index only where it is a link or a submodule.
    return not found.isdisjoint(way.casefold() for way in ways)
