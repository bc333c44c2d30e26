"""Each benchmark starts as its first lines say: as a file, from any folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

_HERE: Final = Path(__file__).parent
# Takes the program that it traces, and no options.
_WITHOUT_HELP: Final = frozenset({"crossings.py"})
_PROGRAMS: Final = sorted(
    one.name
    for one in _HERE.glob("*.py")
    if not one.name.startswith("test_") and '"__main__"' in one.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", [one for one in _PROGRAMS if one not in _WITHOUT_HELP])
def test_it_starts_and_shows_its_options(name: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, _HERE / name, "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("usage: ")
