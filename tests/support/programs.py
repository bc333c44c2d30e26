"""Runs of ``registry`` as a process, and programs and servers that a test cannot do without."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn

import pytest

__all__ = ["Ran", "run_program", "without"]


class Ran(NamedTuple):
    """How a run of the program ended."""

    code: int
    out: str
    err: str


def run_program(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, stdin: bytes = b""
) -> Ran:
    """Run ``registry`` as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "registry_tool", *arguments],
        cwd=cwd, env={**os.environ, **(env or {})}, input=stdin, capture_output=True, check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def without(what: str) -> NoReturn:
    """Skip a test whose server or program is missing here, and say how to have it; in CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)
