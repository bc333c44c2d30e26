"""The server's benchmark runs, small and without its peer, so that it cannot rot. No time is asserted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_BENCHMARK = Path(__file__).with_name("serve.py")


@pytest.mark.timeout(180)
def test_every_row_of_the_server_is_measured(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, _BENCHMARK, "--versions", "100", "--no-peer", "--rounds", "1",
         "--seconds", "0.1", "--corpora", tmp_path],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [line.split("|")[1:-1] for line in done.stdout.splitlines() if line.startswith("| ")]
    assert len(rows[2:]) == 20
    assert done.stderr == ""  # answers that were errors are listed there
    assert not [row for row in rows if "nan (" in row[1]]
