"""What a killed command left: where things stand, and what is broken."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

from support import git, run_git
from support.killed_commands import Operation, Scene, object_place, registry

__all__ = ["leftovers", "state", "troubles", "without_bytes"]

_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_MD5 = re.compile(rb"md5: ([0-9a-f]{32}(?:\.dir)?)")
_LISTED = re.compile(rb'"md5": ?"([0-9a-f]{32})"')
_TWO_DAYS = 2 * 24 * 3600


def _files(folder: Path) -> dict[str, bytes]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def _committed(root: Path, ref: str) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(run_git(root, "archive", ref))) as archive:
        members = [(member.name, archive.extractfile(member)) for member in archive]
    return {name: stream.read() for name, stream in members if stream is not None}


def _refs(root: Path) -> list[str]:
    return git(root, "for-each-ref", "--format=%(refname)").split()


def state(scene: Scene, operation: Operation) -> dict[str, object]:
    """Where things stand that an operation changes; times are left out."""
    if operation.changes == "out":
        return {
            "out": {path: data for path, data in _files(scene.out).items() if ".tmp/" not in path}
        }
    if operation.changes == "storage":
        return {"storage": _files(scene.storage / "files")}
    committed = {
        f"{ref}:{path}": _TIME.sub(b"TIME", data)
        for ref in _refs(scene.root)
        for path, data in _committed(scene.root, ref).items()
    }
    lying = {
        path: _TIME.sub(b"TIME", data)
        for path, data in _files(scene.root).items()
        if not path.startswith(".git/")
    }
    status = git(scene.root, "status", "--porcelain", "--untracked-files=all")
    return {"committed": committed, "lying": lying, "status": status}


def leftovers(scene: Scene) -> list[str]:
    """What a killed process left behind in the registry, and the next one should have cleaned away."""
    inner = scene.root / ".git"
    own = inner / "registry-tool"
    found = [
        *inner.rglob("*.lock"),
        *inner.glob("*.tmp"),
        *own.glob("journal*"),
        *own.glob("workshop/*"),
    ]
    found += [path for path in scene.root.rglob("*.tmp") if inner not in path.parents]
    return [
        f"left behind: {path.relative_to(scene.home)}"
        for path in found
        if path != inner / "registry-tool.lock"
    ]


def without_bytes(scene: Scene) -> Iterator[str]:
    """Pointers, committed anywhere or lying in the work tree, whose bytes are not on the remote as they say."""
    pointers = {path: data for path, data in _files(scene.root).items() if path.endswith(".dvc")}
    for ref in _refs(scene.root):
        pointers |= {
            f"{ref}:{p}": d for p, d in _committed(scene.root, ref).items() if p.endswith(".dvc")
        }
    for path, data in pointers.items():
        for said in _MD5.findall(data):
            place = object_place(scene.storage, said.decode())
            content = place.read_bytes() if place.exists() else b""
            listed = _LISTED.findall(content) if said.endswith(b".dir") else []
            wanted = [(said.removesuffix(b".dir").decode(), content)]
            wanted += [(m.decode(), _read(object_place(scene.storage, m.decode()))) for m in listed]
            for md5, found in wanted:
                if hashlib.md5(found, usedforsecurity=False).hexdigest() != md5:
                    yield f"{path} names bytes that the remote does not have"


def _read(place: Path) -> bytes:
    return place.read_bytes() if place.exists() else b""


def troubles(scene: Scene) -> list[str]:
    """What is broken."""
    found = [*leftovers(scene), *without_bytes(scene)]
    fsck = subprocess.run(
        ["git", "fsck", "--strict", "--no-dangling", "--no-progress"],
        cwd=scene.root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if fsck.returncode or fsck.stdout:
        found.append(f"git fsck: {fsck.stdout}{fsck.stderr}")
    checked = registry(scene, "check", "--all")
    if checked.code not in {0, 3}:
        found.append(f"registry check --all: {checked.out}{checked.err}")
    return found + _old_leftovers(scene)


def _old_leftovers(scene: Scene) -> list[str]:
    """What is not swept two days later, where others may be at work: on the remote, in the cache, among notes."""
    places = [scene.storage / "tmp", scene.cache / "tmp"]
    left = [path for place in places if place.exists() for path in place.iterdir()]
    left += (scene.root / ".git" / "registry-tool").glob(".*.tmp")
    if not left:
        return []
    for path in left:
        os.utime(path, (time.time() - _TWO_DAYS,) * 2)
    (scene.home / "new.bin").write_bytes(b"new")
    ran = registry(
        scene,
        "version",
        "add",
        "nlp/lang-id",
        "--artifact",
        str(scene.home / "new.bin"),
        "--commit",
    )
    swept = [] if ran.code == 0 else [f"the next version cannot be added: {ran.err}"]
    return swept + [f"not swept: {path.relative_to(scene.home)}" for path in left if path.exists()]
