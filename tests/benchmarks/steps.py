"""A command that dies before its n-th change to the disk: each file made or moved, each start of a program."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from support.killed_commands import Operation, Scene, registry

__all__ = ["die_at"]

_CHANGES = ("os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")


def die_at(step: int, scene: Scene, operation: Operation, words: Path) -> None:
    """Run the command in this process, which dies before its n-th change to the disk."""
    os.setpgid(0, 0)
    seen = 0
    here = str(scene.home)

    def watch(event: str, values: tuple[object, ...]) -> None:
        nonlocal seen
        if not _changes_something(event, values, here):
            return
        seen += 1
        if seen == step:
            note = os.open(words.with_suffix(".now"), os.O_WRONLY | os.O_CREAT, 0o600)
            os.write(note, f"{event} {values!r:.160}".replace(here, "").encode())
            words.with_suffix(".now").rename(words)
            os.killpg(0, signal.SIGKILL)

    sys.addaudithook(watch)
    ran = registry(scene, *scene.arguments(operation))
    os._exit(ran.code)


def _changes_something(event: str, values: tuple[object, ...], here: str) -> bool:
    if event == "subprocess.Popen":
        return True
    if not any(
        isinstance(value, (str, os.PathLike)) and os.fspath(value).startswith(here)
        for value in values
    ):
        return False
    if event == "open":
        flags = values[2]
        return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return event in _CHANGES
