"""Whether bytes that somebody needs are on the remote: pointers are read from Git, and objects are hashed, by this alone.

Nothing of ``registry_tool`` or DVC is used. What is needed:

* by everybody, always: what the main branch of the server points at;
* by everybody, always: what an open pull request or another branch of the server points at, but for versions that the
  main branch calls erased, and for what was lost before it was pushed;
* by whoever runs a command: what can still be published from their own clone: branches, stashes, the index, the work
  tree, and where HEAD was before;
* by others too, for as long as a grace period: what a person added and nobody has seen yet.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import yaml  # type: ignore[import-untyped] # noqa: TID251 (a reader of its own: ours is what is under test)
from adversary.plain_git import PlainGit

__all__ = ["BytesOracle", "Lost", "objects_on"]

_VERSION = re.compile(r"(models/[^/]+/[^/]+/versions/[^/]+)/(.+)\.dvc")


class Lost(NamedTuple):
    """Bytes that are needed and not there.

    Attributes:
        promise: Which promise that breaks.
        path: The pointer.
        words: Who needs it, and what is missing.
    """

    promise: str
    path: str
    words: str


class Pointer(NamedTuple):
    """One ``.dvc`` file of a version: its path, and the objects it names."""

    path: str
    md5: str

    @property
    def folder(self) -> str:
        """The folder of its version."""
        match = _VERSION.fullmatch(self.path)
        return "" if match is None else match[1]


def objects_on(storage: Path) -> dict[str, bytes]:
    """The whole objects on a remote that is a folder, by md5; those whose content is another are left out."""
    found = {}
    for place in (storage / "files" / "md5").glob("??/*"):
        if not place.is_file():
            continue
        content = place.read_bytes()
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if digest == f"{place.parent.name}{place.name}".removesuffix(".dir"):
            found[f"{place.parent.name}{place.name}"] = content
    return found


def _named(source: bytes) -> Iterator[str]:
    try:
        data = yaml.load(source, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, UnicodeDecodeError):
        return
    for out in data.get("outs", ()) if isinstance(data, dict) else ():
        yield str(out["md5"])


class BytesOracle:
    """Watches a server, clones and a remote.

    Args:
        server: The bare repository.
        clones: The clones, by who works in them.
        storage: The remote.
    """

    def __init__(self, server: Path, clones: Mapping[str, Path], storage: Path) -> None:
        self._server = PlainGit(server)
        self._server_dir = server
        self._clones = {who: PlainGit(clone / ".git") for who, clone in clones.items()}
        self._folders = dict(clones)
        self._storage = storage
        self._pointers: dict[str, tuple[Pointer, ...]] = {}
        self.before = objects_on(storage)
        self.gone = 0  # how many objects went with the last move

    def look(self, who: str, young: Mapping[str, Iterable[str]]) -> list[Lost]:
        """What is missing after a move.

        Args:
            who: Whose move it was.
            young: For each other person the objects that they came to rely on within the grace period.
        """
        now = objects_on(self._storage)
        gone = self.before.keys() - now.keys()
        old, self.before = self.before, now
        self.gone = len(gone)
        main = self._at(self._server, self._tip("refs/heads/main"))
        erased = self._erased()
        found = [
            Lost("published bytes", pointer.path, f"main lacks {missing}")
            for pointer in main
            for missing in _missing(pointer, now)
        ]
        if not gone:
            return found
        for what, pointers in self._needed(who, young):
            for pointer in pointers:
                lacking = [md5 for md5 in _parts(pointer, {**old, **now}) if md5 in gone]
                if lacking and pointer.folder not in erased:
                    found.append(Lost("needed bytes", pointer.path, f"{what} lost {lacking[0]}"))
        return found

    def missing_at(self, who: str, commit: str) -> list[Lost]:
        """What a commit of a clone points at and is not there."""
        now = objects_on(self._storage)
        return [
            Lost("added bytes", pointer.path, f"{who} added it, and {missing} is missing")
            for pointer in self._at(self._clones[who], commit)
            if pointer.folder not in self._erased()
            for missing in _missing(pointer, now)
        ]

    def _needed(
        self, who: str, young: Mapping[str, Iterable[str]]
    ) -> Iterator[tuple[str, list[Pointer]]]:
        for ref in self._refs(self._server_dir):
            yield f"the server's {ref}", list(self._at(self._server, self._tip(ref)))
        yield f"{who}'s clone", list(self.local(who))
        for other, objects in young.items():
            if other != who:
                wanted = set(objects)
                yield f"{other}'s clone", [p for p in self.local(other) if p.md5 in wanted]

    def local(self, who: str) -> Iterator[Pointer]:
        """What can still be published from a clone."""
        git, folder = self._clones[who], self._folders[who]
        heads = {oid for ref in self._refs(folder / ".git", own=True) for oid in [self._rev(folder, ref)]}  # fmt: skip
        for name in ("HEAD", "refs/stash"):
            heads |= set(self._git(folder, "log", "-g", "--format=%H", name, "--").split())
        for commit in sorted(heads):
            yield from self._at(git, commit)
        for line in self._git(folder, "ls-files", "--stage", "-z").split("\0"):
            about, _, path = line.partition("\t")
            if path.endswith(".dvc"):
                yield from (Pointer(path, md5) for md5 in _named(git.read(about.split(" ")[1])))
        for place in (folder / "models").rglob("*.dvc"):
            path = place.relative_to(folder).as_posix()
            yield from (Pointer(path, md5) for md5 in _named(place.read_bytes()))

    def _at(self, git: PlainGit, commit: str) -> tuple[Pointer, ...]:
        if commit not in self._pointers:
            files = git.snapshot(commit).files
            self._pointers[commit] = tuple(
                Pointer(path, md5)
                for path, entry in files.items()
                if path.endswith(".dvc")
                for md5 in _named(git.read(entry.oid))
            )
        return self._pointers[commit]

    def _erased(self) -> frozenset[str]:
        files = self._server.snapshot(self._tip("refs/heads/main")).files
        return frozenset(
            path.removesuffix("/status.yaml")
            for path, entry in files.items()
            if path.endswith("/status.yaml") and b"state: erased" in self._server.read(entry.oid)
        )

    @staticmethod
    def _git(folder: Path, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False)
        return done.stdout.decode(errors="surrogateescape")

    def _rev(self, folder: Path, ref: str) -> str:
        return self._git(folder, "rev-parse", f"{ref}^{{commit}}").strip()

    def _tip(self, ref: str) -> str:
        return self._rev(self._server_dir, ref)

    def _refs(self, git_dir: Path, *, own: bool = False) -> list[str]:
        where = ["refs/heads", "refs/tags", "refs/stash"] if own else ["refs"]
        return self._git(git_dir, "for-each-ref", "--format=%(refname)", *where).split()

    def close(self) -> None:
        """Let go of all."""
        for git in (self._server, *self._clones.values()):
            git.close()


def _parts(pointer: Pointer, there: Mapping[str, bytes]) -> Iterator[str]:
    """The objects of a pointer: a folder's list names more."""
    yield pointer.md5
    if pointer.md5.endswith(".dir") and pointer.md5 in there:
        yield from (str(one["md5"]) for one in json.loads(there[pointer.md5]))


def _missing(pointer: Pointer, there: Mapping[str, bytes]) -> list[str]:
    return [md5 for md5 in _parts(pointer, there) if md5 not in there]
