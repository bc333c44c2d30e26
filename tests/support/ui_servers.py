"""``registry ui`` as a process, and what a test of an act looks at afterwards: the last commit, and a fresh clone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from support.programs import run_program
from support.repositories import git

__all__ = ["RunningUi", "check_fresh_clone", "list_changed_files", "run_ui"]


class RunningUi(NamedTuple):
    """A running app.

    Attributes:
        folder: The work tree that it serves.
        url: Its address, with a slash at its end.
    """

    folder: Path
    url: str


@contextmanager
def run_ui(folder: Path, *options: str) -> Iterator[RunningUi]:
    """Run ``registry ui`` on a free port until the block ends."""
    command = [sys.executable, "-m", "registry_tool", "ui", "--port", "0", *options]
    server = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert " on http://" in line, line
        yield RunningUi(folder, line.rstrip().rpartition(" on ")[2])
    finally:
        server.terminate()
        server.communicate(timeout=30)


def list_changed_files(folder: Path) -> list[str]:
    """The files of the last commit, as ``git log -1 --stat`` names them."""
    said = git(folder, "log", "-1", "--name-only", "--format=")
    return said.split()


def check_fresh_clone(folder: Path, place: Path) -> None:
    """See that the work tree is clean, and that a fresh clone passes ``registry check --all``."""
    assert git(folder, "status", "--porcelain").strip() == ""
    git(folder.parent, "clone", "-q", str(folder), str(place))
    ran = run_program("check", "--all", cwd=place)
    assert ran.code == 0, ran
