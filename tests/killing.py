"""Commands that are killed, and what must hold afterwards: shared by the acceptance tests and the long harness.

A ``Scene`` is a fresh registry with a remote and a cache of its own; ``OPERATIONS`` are commands that change one. After
a kill, ``next_command`` is what a user does next, ``state`` says where things stand, and ``troubles`` what is broken.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from support import (
    MODEL_BYTES,
    Ran,
    alias_yaml,
    git,
    new_repository,
    registry_yaml,
    run_git,
    small_registry,
)

from registry_tool.cli.main import COMMANDS, run

__all__ = [
    "NEXT",
    "OPERATIONS",
    "Operation",
    "Scene",
    "Template",
    "available",
    "leftovers",
    "registry",
    "state",
    "troubles",
]

_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_MD5 = re.compile(rb"md5: ([0-9a-f]{32}(?:\.dir)?)")
_LISTED = re.compile(rb'"md5": ?"([0-9a-f]{32})"')
_WEIGHTS = 300_000
_TWO_DAYS = 2 * 24 * 3600
# What a user does next: both finish what was interrupted, and change nothing else.
NEXT: Mapping[str, tuple[str, ...]] = {
    "registry recover": ("recover",),
    "a command that writes": ("alias", "set", "nlp/lang-id@1", "champion"),
    "a command that commits": ("alias", "set", "nlp/lang-id@1", "champion", "--commit"),
}


class Operation(NamedTuple):
    """A command that changes something.

    Attributes:
        arguments: As they are typed; ``{weights}``, ``{folder}`` and ``{out}`` are places of the scene.
        changes: What: the ``registry``, the ``storage``, or the folder ``out``.
        again: True where the command is run again to finish what was interrupted.
    """

    arguments: tuple[str, ...]
    changes: str = "registry"
    again: bool = False


_ADD = (
    "version",
    "add",
    "nlp/lang-id",
    "--artifact",
    "{weights}",
    "--artifact",
    "{folder}",
    "--tag",
    "third",
)
_NOTE = ("evidence", "add", "nlp/lang-id@2", "--kind", "note", "--text", "x", "--name", "seen")
OPERATIONS: Mapping[str, Operation] = {
    "version add": Operation(_ADD),
    "version add --commit": Operation((*_ADD, "--commit")),
    "alias set --commit": Operation(("alias", "set", "nlp/lang-id@2", "production", "--commit")),
    "tag add": Operation(("tag", "add", "nlp/lang-id@2", "second")),
    "evidence add --commit": Operation((*_NOTE, "--commit")),
    "promote": Operation(("promote", "nlp/lang-id@2", "--to", "staging")),
    "promote --commit": Operation(("promote", "nlp/lang-id@2", "--to", "staging", "--commit")),
    "erase --commit": Operation(("erase", "nlp/lang-id@2", "--reason", "x", "--yes", "--commit")),
    "erase --purge": Operation(("erase", "nlp/lang-id@3", "--purge", "--yes"), "storage", again=True),
    "fetch -o": Operation(("fetch", "nlp/lang-id@4", "-o", "{out}"), "out", again=True),
    "fetch -o --overwrite": Operation(
        ("fetch", "nlp/lang-id@4", "-o", "{out}", "--overwrite"), "out", again=True
    ),
}  # fmt: skip


def available() -> dict[str, Operation]:
    """The operations whose command is there."""
    return {name: op for name, op in OPERATIONS.items() if _is_there(op.arguments[0])}


def _is_there(command: str) -> bool:
    return (
        command in COMMANDS and find_spec(f"registry_tool.cli.{COMMANDS[command][0]}") is not None
    )


class Scene(NamedTuple):
    """One registry, and everything around it."""

    home: Path

    @property
    def root(self) -> Path:
        """The checkout."""
        return self.home / "registry"

    @property
    def storage(self) -> Path:
        """The remote."""
        return self.home / "storage"

    @property
    def cache(self) -> Path:
        """The cache."""
        return self.home / "cache"

    @property
    def out(self) -> Path:
        """Where ``fetch -o`` copies to."""
        return self.home / "out"

    def arguments(self, operation: Operation) -> list[str]:
        """The words of a command in this scene."""
        places = {
            "weights": self.home / "weights.bin",
            "folder": self.home / "parts",
            "out": self.out,
        }
        return [word.format_map(places) for word in operation.arguments]

    def start(self, operation: Operation) -> subprocess.Popen[bytes]:
        """Start a command as a process of its own, in one group with its children."""
        return subprocess.Popen(
            [sys.executable, "-m", "registry_tool", *self.arguments(operation)],
            cwd=self.root, env={**os.environ, "REGISTRY_CACHE": str(self.cache)},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip


@contextlib.contextmanager
def _standing_in(scene: Scene) -> Iterator[None]:
    before = os.environ.get("REGISTRY_CACHE")
    os.environ["REGISTRY_CACHE"] = str(scene.cache)
    try:
        with contextlib.chdir(scene.root):
            yield
    finally:
        if before is None:
            del os.environ["REGISTRY_CACHE"]
        else:
            os.environ["REGISTRY_CACHE"] = before


def registry(scene: Scene, *arguments: str) -> Ran:
    """Run a command in a scene, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with _standing_in(scene), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(arguments)
    return Ran(code, out.getvalue(), err.getvalue())


def _object(storage: Path, md5: str) -> Path:
    return storage / "files" / "md5" / md5[:2] / md5[2:]


class Template:
    """A registry that scenes are copied from: four versions, the third erased and the fourth with a file and a folder."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._count = 0
        scene = Scene(place / "template")
        files = small_registry(versions=("1", "2", "3"))
        files["registry.yaml"] = registry_yaml(stages={"staging": {}})
        files[".dvc/config"] = files[".dvc/config"].replace("../storage", "../../storage")
        files["models/nlp/lang-id/aliases/champion.yaml"] = alias_yaml("1")
        new_repository(scene.root, files)
        for content in (MODEL_BYTES, b"nlp/lang-id@2", b"nlp/lang-id@3"):
            target = _object(scene.storage, hashlib.md5(content, usedforsecurity=False).hexdigest())
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        self._lay_out(scene)
        _done(registry(scene, "version", "add", "nlp/lang-id", "--artifact", str(scene.home / "weights.bin"),
                       "--artifact", str(scene.home / "parts"), "--commit"))  # fmt: skip
        if _is_there("erase"):
            _done(registry(scene, "erase", "nlp/lang-id@3", "--reason", "x", "--yes", "--commit"))
        shutil.rmtree(scene.cache)
        (scene.home / "weights.bin").write_bytes(b"next" * (_WEIGHTS // 4))

    @staticmethod
    def _lay_out(scene: Scene) -> None:
        (scene.home / "weights.bin").write_bytes(b"this" * (_WEIGHTS // 4))
        for folder, count in ((scene.home / "parts", 3), (scene.out / "parts", 2)):
            folder.mkdir(parents=True)
            for number in range(count):
                (folder / f"{number}.bin").write_bytes(bytes([count * 16 + number]) * 5000)

    def scene(self, operation: Operation) -> Scene:
        """A fresh one; what is there to be overwritten is there only then."""
        self._count += 1
        home = self._place / f"scene-{self._count}"
        shutil.copytree(self._place / "template", home, symlinks=True)
        if "--overwrite" not in operation.arguments:
            shutil.rmtree(home / "out")
        return Scene(home)


def _done(ran: Ran) -> None:
    if ran.code:
        raise AssertionError(ran.err)


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


def _without_bytes(scene: Scene) -> Iterator[str]:
    """Pointers, committed anywhere or lying in the work tree, whose bytes are not on the remote as they say."""
    pointers = {path: data for path, data in _files(scene.root).items() if path.endswith(".dvc")}
    for ref in _refs(scene.root):
        pointers |= {
            f"{ref}:{p}": d for p, d in _committed(scene.root, ref).items() if p.endswith(".dvc")
        }
    for path, data in pointers.items():
        for said in _MD5.findall(data):
            place = _object(scene.storage, said.decode())
            content = place.read_bytes() if place.exists() else b""
            listed = _LISTED.findall(content) if said.endswith(b".dir") else []
            wanted = [(said.removesuffix(b".dir").decode(), content)]
            wanted += [(m.decode(), _read(_object(scene.storage, m.decode()))) for m in listed]
            for md5, found in wanted:
                if hashlib.md5(found, usedforsecurity=False).hexdigest() != md5:
                    yield f"{path} names bytes that the remote does not have"


def _read(place: Path) -> bytes:
    return place.read_bytes() if place.exists() else b""


def troubles(scene: Scene) -> list[str]:
    """What is broken."""
    found = [*leftovers(scene), *_without_bytes(scene)]
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
