"""The picture of the README is of the pages as they are made today."""

from __future__ import annotations

from pathlib import Path

from support.browser import ChromiumProcess
from support.page_pictures import README_PICTURE, take_readme_picture


def _read_size(file: Path) -> tuple[int, int]:
    header = file.read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")


def test_the_picture_is_made_again(chromium: ChromiumProcess, shown_folder: Path, tmp_path: Path) -> None:  # fmt: skip
    """Letters differ from system to system, so only the size is compared."""
    take_readme_picture(chromium, shown_folder, tmp_path / "model.png")
    assert _read_size(tmp_path / "model.png") == _read_size(README_PICTURE)
    assert README_PICTURE.stat().st_size < 200_000
