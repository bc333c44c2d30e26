"""Git commits of corpus cases, object by object: Git itself does not add hostile names, odd modes or submodules."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections import defaultdict
from pathlib import Path

from support import git
from support.corpus_cases import Files

__all__ = ["commit_files"]

_TREE = 0o40000
_SUBMODULE = 0o160000


def commit_files(folder: Path, files: Files, *parents: str, message: str) -> str:
    """Write a commit of just these files into a repository, and no reference; its id.

    Args:
        folder: The repository's work tree.
        files: The files.
        parents: The commit's parents.
        message: The commit's message.
    """
    objects = Path(git(folder, "rev-parse", "--absolute-git-dir"), "objects")
    tree = _write_tree(objects, files)
    options = [word for parent in parents for word in ("-p", parent)]
    return git(folder, "commit-tree", tree, *options, "-m", message)


def _write_tree(objects: Path, files: Files) -> str:
    folders: dict[str, dict[bytes, tuple[int, str]]] = defaultdict(dict)
    folders[""] = {}
    for path, content in files.items():
        parent, _, name = path.rpartition("/")
        # A submodule's commit is in another repository.
        is_ours = content.mode != _SUBMODULE
        oid = _write_object(objects, "blob", content.data) if is_ours else "1" * 40
        folders[parent][os.fsencode(name)] = (content.mode, oid)
        while parent:
            parent = parent.rpartition("/")[0]
            if parent in folders:
                break
            folders[parent] = {}
    for path in sorted(folders, key=lambda path: -path.count("/") if path else 1):
        entries = sorted(folders[path].items(), key=lambda entry: _git_order(*entry))
        data = b"".join(
            b"%o %b\0%b" % (mode, name, bytes.fromhex(oid)) for name, (mode, oid) in entries
        )
        oid = _write_object(objects, "tree", data)
        if not path:
            return oid
        parent, _, name = path.rpartition("/")
        folders[parent][os.fsencode(name)] = (_TREE, oid)
    raise AssertionError


def _git_order(name: bytes, entry: tuple[int, str]) -> bytes:
    return name + b"/" if entry[0] == _TREE else name


def _write_object(objects: Path, kind: str, data: bytes) -> str:
    whole = b"%b %d\0%b" % (kind.encode(), len(data), data)
    oid = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
    place = objects / oid[:2] / oid[2:]
    if not place.exists():
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(zlib.compress(whole))
    return oid
