"""Commands that are killed, for the long harness; ``kill_leftovers`` looks at what they left.

A ``Scene`` is a fresh registry with a remote and a cache of its own; ``OPERATIONS`` are commands that change one, and
``NEXT`` is what a user does after a kill.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from multiprocessing import get_context
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import NamedTuple

from registry_tool.cli.main import run
from support import Ran, new_repository
from support.manifests import MODEL_BYTES, alias_yaml, registry_yaml, small_registry

__all__ = [
    "NEXT",
    "OPERATIONS",
    "Operation",
    "Scene",
    "Template",
    "object_place",
    "registry",
]

_WEIGHTS = 300_000
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
    "version add": Operation(_ADD, again=True),
    "version add --commit": Operation((*_ADD, "--commit"), again=True),
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

    def start(self, operation: Operation) -> ForkProcess:
        """Start a command as a process of its own, forked from this one, in one group with its children.

        What Python does before is not in it: a kill meets the command, and seldom its imports.
        """
        process = get_context("fork").Process(target=_run_alone, args=(self, operation))
        process.start()
        assert process.pid is not None
        with contextlib.suppress(OSError):  # it does so too, and one of both comes first
            os.setpgid(process.pid, process.pid)
        return process


def _run_alone(scene: Scene, operation: Operation) -> None:
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    sys.exit(registry(scene, *scene.arguments(operation)).code)


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


def object_place(storage: Path, md5: str) -> Path:
    """Where a remote keeps an object."""
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
            target = object_place(
                scene.storage, hashlib.md5(content, usedforsecurity=False).hexdigest()
            )
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        self._lay_out(scene)
        _done(registry(scene, "version", "add", "nlp/lang-id", "--artifact", str(scene.home / "weights.bin"),
                       "--artifact", str(scene.home / "parts"), "--commit"))  # fmt: skip
        for path in scene.storage.rglob("*"):
            # A purge keeps what was uploaded in the second of the erasure or later.
            os.utime(path, (time.time() - 60, time.time() - 60))
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
