"""Tree objects and commits that no sane Git writes, put into a repository with Git's own low-level commands."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from support import git, run_git

__all__ = ["RawEntry", "commit_tree", "entries_of", "raw_tree", "twice"]


class RawEntry(NamedTuple):
    """One entry, as it goes into the object."""

    mode: str
    name: bytes
    oid: str


def entries_of(folder: Path, tree: str) -> list[RawEntry]:
    """The entries of a tree, in Git's order."""
    out = run_git(folder, "ls-tree", "-z", tree)
    found = []
    for line in out.split(b"\0")[:-1]:
        meta, _, name = line.partition(b"\t")
        mode, _, oid = meta.decode().split(" ")
        found.append(RawEntry(mode.lstrip("0"), name, oid))
    return found


def raw_tree(folder: Path, entries: Iterable[RawEntry]) -> str:
    """Write a tree with just these entries, in this order; its id."""
    data = b"".join(
        b"%b %b\0%b" % (mode.encode(), name, bytes.fromhex(oid)) for mode, name, oid in entries
    )
    arguments = ["hash-object", "-t", "tree", "--literally", "-w", "--stdin"]
    return run_git(folder, *arguments, stdin=data).decode().strip()


def commit_tree(folder: Path, tree: str, *parents: str, message: str = "Made by hand") -> str:
    """Write a commit; its id."""
    of = [word for parent in parents for word in ("-p", parent)]
    return git(folder, "commit-tree", tree, *of, "-m", message)


def twice(folder: Path, name: str, tree: str, *, parent: str = "HEAD") -> str:
    """A commit whose root holds another folder of a name before the one that was there."""
    entries = entries_of(folder, f"{parent}^{{tree}}")
    at = next(n for n, entry in enumerate(entries) if entry.name == name.encode())
    entries.insert(at, RawEntry("40000", name.encode(), tree))
    return commit_tree(folder, raw_tree(folder, entries), git(folder, "rev-parse", parent))
