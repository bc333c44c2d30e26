"""What a Git repository holds, by ``git log``, ``git ls-tree`` and ``git cat-file`` alone.

The oracles read with this and share no code with ``registry_tool``: what both did wrong, neither would see.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import IO, NamedTuple

__all__ = ["Commit", "Entry", "PlainGit", "Snapshot"]

# What `git replace` shows is one repository's view, and variables of another repository would mislead.
_ENVIRONMENT = {"GIT_NO_REPLACE_OBJECTS": "1", "LC_ALL": "C"}
_MISLEADING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_QUARANTINE_PATH")  # fmt: skip


class Commit(NamedTuple):
    """One commit: its id, its parents, and its committer's time in seconds."""

    oid: str
    parents: tuple[str, ...]
    when: int


class Entry(NamedTuple):
    """A file in a commit: its mode, and the id of its content."""

    mode: str
    oid: str


class Snapshot(NamedTuple):
    """Everything in one commit.

    Attributes:
        files: The files by path; of two entries with one path the first, as Git reads it.
        doubled: Paths that a tree names twice, or that no work tree may have.
    """

    files: Mapping[str, Entry]
    doubled: tuple[str, ...]


class PlainGit:
    """One repository.

    Args:
        git_dir: A bare repository, or the folder ``.git``.
    """

    def __init__(self, git_dir: Path) -> None:
        self._git_dir = git_dir
        self._batch: subprocess.Popen[bytes] | None = None
        self._snapshots: dict[str, Snapshot] = {}
        self._blobs: dict[str, bytes] = {}

    def _command(self, *arguments: str) -> list[str]:
        return ["git", f"--git-dir={self._git_dir}", *arguments]

    @staticmethod
    def _environment() -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k not in _MISLEADING}
        return kept | _ENVIRONMENT

    def _run(self, *arguments: str) -> bytes:
        return subprocess.run(
            self._command(*arguments), env=self._environment(), capture_output=True, check=True
        ).stdout

    def log(self, *revisions: str) -> list[Commit]:
        """Commits, newest first; options and revisions as ``git log`` takes them."""
        lines = self._run("log", "--no-show-signature", "--format=%H|%P|%ct", *revisions, "--")
        fields = (line.split("|") for line in lines.decode().splitlines())
        return [Commit(oid, tuple(parents.split()), int(when)) for oid, parents, when in fields]

    def first_parent_line(self, tip: str) -> list[Commit]:
        """The commits of a branch along first parents, oldest first."""
        return self.log("--first-parent", tip)[::-1]

    def new_blobs(self, old: str | None, new: str) -> set[str]:
        """The ids of all contents that the commits between two bring, on whatever line they lie."""
        span = [new] if old is None else [new, f"^{old}"]
        out = self._run("log", "--format=", "--raw", "-m", "--root", "--no-abbrev", "--no-renames", *span, "--")  # fmt: skip
        ids = {line.split(" ")[3] for line in out.decode(errors="replace").splitlines() if line}
        return {oid for oid in ids if oid.strip("0")}

    def snapshot(self, commit: str) -> Snapshot:
        """Everything in a commit."""
        if commit not in self._snapshots:
            self._snapshots[commit] = self._listed(commit)
        return self._snapshots[commit]

    def _listed(self, commit: str) -> Snapshot:
        files: dict[str, Entry] = {}
        folders: set[str] = set()
        doubled: list[str] = []
        out = self._run("ls-tree", "-r", "-t", "-z", "--full-tree", commit)
        for line in out.decode(errors="surrogateescape").split("\0"):
            if not line:
                continue
            about, _, path = line.partition("\t")
            mode, kind, oid = about.split(" ")
            name = path.rpartition("/")[2].casefold()
            if path in files or path in folders or name in {".git", "git~1", ".", "..", ""}:
                doubled.append(path)
            elif kind == "tree":
                folders.add(path)
            else:
                files[path] = Entry(mode, oid)
        return Snapshot(files, tuple(doubled))

    def read(self, oid: str) -> bytes:
        """The content with an id; empty for what is no file."""
        if oid not in self._blobs:
            self._blobs[oid] = self._read(oid)
        return self._blobs[oid]

    def size(self, oid: str) -> int:
        """The size of a content."""
        return len(self.read(oid))

    def _read(self, oid: str) -> bytes:
        if self._batch is None:
            self._batch = subprocess.Popen(
                self._command("cat-file", "--batch"),
                env=self._environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
        source, sink = _pipes(self._batch)
        sink.write(f"{oid}\n".encode())
        sink.flush()
        header = source.readline().split()
        if len(header) != 3:
            return b""
        data = source.read(int(header[2]) + 1)[:-1]
        return data if header[1] == b"blob" else b""

    def close(self) -> None:
        """End the program that reads contents."""
        if self._batch is not None:
            source, sink = _pipes(self._batch)
            sink.close()
            source.close()
            self._batch.wait()
            self._batch = None


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdout is not None
    assert process.stdin is not None
    return process.stdout, process.stdin
