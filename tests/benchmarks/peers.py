"""The programs we are compared with: whether they are here, and in which versions.

They come with the extra ``bench`` and are looked for in the environment of the interpreter that runs the suite. A row
whose peer is missing is measured without it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

__all__ = ["MISSING", "Peers", "find_peers"]

MISSING = "not installed: pip install -e .[bench]"
_PACKAGES = ("mlflow-skinny", "SQLAlchemy", "gto", "check-jsonschema", "dvc")


class Peers(NamedTuple):
    """Which peers may be run.

    Attributes:
        versions: By package name; an empty version for one that is missing.
        wanted: False where the suite was asked to do without.
    """

    versions: Mapping[str, str]
    wanted: bool = True

    def has(self, *packages: str) -> bool:
        """True when all of some packages are here, and wanted."""
        return self.wanted and all(self.versions.get(package) for package in packages)

    def why_not(self) -> str:
        """What to say where one is missing."""
        return MISSING if self.wanted else "left out: --no-peers"

    @staticmethod
    def program(name: str) -> Path:
        """A program of a peer's package."""
        return Path(sys.executable).with_name(name)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _git() -> str:
    found = shutil.which("git")
    command = [found or "git", "--version"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return said.removeprefix("git version ").strip()


def find_peers(*, wanted: bool) -> Peers:
    """Look around."""
    versions = {package: _version(package) for package in _PACKAGES}
    return Peers({**versions, "git": _git()}, wanted)
