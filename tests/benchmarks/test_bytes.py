"""The races of artifacts run, small, so that they cannot rot. No time is asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_BYTES = Path(__file__).with_name("bytes.py")


def test_a_race_is_run_and_told(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, str(_BYTES), "--rounds", "1", "--json", str(figures), "fetch-few-local"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(figures.read_text(encoding="utf-8"))
    against = ["`dvc pull`", "`cp`, `sha256sum`", "a copy hashed by Python's OpenSSL"]
    assert [one["against"] for one in found] == against
    assert [one["goal"] for one in found] == [0.5, 1.3, 0.0]
    assert all(one["ours"] > 0 and one["theirs"] > 0 and one["cpu"] > 0 for one in found)
    assert "| fetch a folder of 3 files of 10 kB from local | `dvc pull` | ≤ 0.5 |" in done.stdout


def test_an_unknown_race_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, str(_BYTES), "no-such"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "there is no no-such" in done.stderr
