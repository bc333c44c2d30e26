"""Objects of Git written without Git: what an attacker commits costs a millisecond, and may be what no Git would write."""

from __future__ import annotations

import hashlib
import subprocess
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

__all__ = ["Forge", "Listing"]

# Files by path: mode and id.
Listing = Mapping[str, tuple[str, str]]
_FOLDER = "40000"


class Forge:
    """Reads and writes the objects of one repository.

    Args:
        git_dir: The bare repository.
    """

    def __init__(self, git_dir: Path) -> None:
        self._git_dir = git_dir
        self._batch: subprocess.Popen[bytes] | None = None
        self._listings: dict[str, Listing] = {}

    def write(self, kind: str, content: bytes) -> str:
        """Write an object; its id."""
        whole = f"{kind} {len(content)}\0".encode() + content
        oid = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
        place = self._git_dir / "objects" / oid[:2] / oid[2:]
        if not place.exists():
            place.parent.mkdir(exist_ok=True)
            half = place.with_suffix(".half")
            half.write_bytes(zlib.compress(whole, 1))
            half.chmod(0o444)
            half.replace(place)
        return oid

    def blob(self, content: str) -> str:
        """Write a file's content."""
        return self.write("blob", content.encode(errors="surrogateescape"))

    def raw_tree(self, entries: Iterable[tuple[str, str, str]]) -> str:
        """Write a tree with entries of mode, id and name in the order given, whatever they are."""
        lines = (
            f"{mode.lstrip('0')} {name}\0".encode(errors="surrogateescape") + bytes.fromhex(oid)
            for mode, oid, name in entries
        )
        return self.write("tree", b"".join(lines))

    def tree(self, files: Listing) -> str:
        """Write the trees of some files."""
        inner: dict[str, dict[str, tuple[str, str]]] = {}
        entries: list[tuple[str, str, str]] = []
        for path, (mode, oid) in files.items():
            name, slash, rest = path.partition("/")
            if slash:
                inner.setdefault(name, {})[rest] = (mode, oid)
            else:
                entries.append((mode, oid, name))
        entries += [(_FOLDER, self.tree(below), name) for name, below in inner.items()]
        return self.raw_tree(sorted(entries, key=_order))

    def commit(
        self, tree: str, parents: Sequence[str], author: str, when: int, message: str = "A change\n"
    ) -> str:
        """Write a commit."""
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [f"{role} {author} <{author}@example.org> {when} +0000" for role in ("author", "committer")]  # fmt: skip
        return self.write("commit", ("\n".join(lines) + f"\n\n{message}").encode())

    def read(self, name: str) -> tuple[str, bytes]:
        """The kind and the content of an object; two empty ones where there is none."""
        if self._batch is None:
            self._batch = subprocess.Popen(
                ["git", f"--git-dir={self._git_dir}", "cat-file", "--batch"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
        source, sink = _pipes(self._batch)
        sink.write(f"{name}\n".encode())
        sink.flush()
        header = source.readline().split()
        if len(header) != 3:
            return "", b""
        return header[1].decode(), source.read(int(header[2]) + 1)[:-1]

    def text(self, oid: str) -> str:
        """The content of a file."""
        return self.read(oid)[1].decode(errors="surrogateescape")

    def _headers(self, commit: str, name: str) -> list[str]:
        head = self.read(commit)[1].partition(b"\n\n")[0].decode(errors="replace")
        return [line.partition(" ")[2] for line in head.splitlines() if line.startswith(f"{name} ")]

    def parents(self, commit: str) -> list[str]:
        """The parents of a commit."""
        return self._headers(commit, "parent")

    def tree_of(self, commit: str) -> str:
        """The tree of a commit, or the tree itself."""
        return next(iter(self._headers(commit, "tree")), commit)

    def line(self, commit: str, *, at_most: int = 30) -> list[str]:
        """The commits of a first-parent line, newest first."""
        found = [commit]
        while len(found) < at_most and (parents := self.parents(found[-1])):
            found.append(parents[0])
        return found

    def listing(self, commit: str) -> Listing:
        """The files of a commit or a tree."""
        tree = self.tree_of(commit)
        if tree not in self._listings:
            self._listings[tree] = dict(self._walked(tree, ""))
        return self._listings[tree]

    def entries(self, tree: str) -> list[tuple[str, str, str]]:
        """The entries of one tree: mode, id and name."""
        data, found = self.read(tree)[1], []
        while data:
            head, _, rest = data.partition(b"\0")
            mode, _, name = head.decode(errors="surrogateescape").partition(" ")
            found.append((mode, rest[:20].hex(), name))
            data = rest[20:]
        return found

    def _walked(self, tree: str, folder: str) -> Iterable[tuple[str, tuple[str, str]]]:
        for mode, oid, name in self.entries(tree):
            if mode == _FOLDER:
                yield from self._walked(oid, f"{folder}{name}/")
            else:
                yield f"{folder}{name}", (mode, oid)

    def close(self) -> None:
        """End the program that reads objects."""
        if self._batch is not None:
            source, sink = _pipes(self._batch)
            sink.close()
            source.close()
            self._batch.wait()
            self._batch = None


def _order(entry: tuple[str, str, str]) -> str:
    """Git sorts a folder as if its name ended in a slash."""
    mode, _, name = entry
    return f"{name}/" if mode == _FOLDER else name


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdout is not None
    assert process.stdin is not None
    return process.stdout, process.stdin
