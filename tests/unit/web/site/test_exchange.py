"""Two folders swap their names."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from registry_tool.web.site.exchange import exchange_folders


def test_two_folders_have_each_others_name(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "was").write_text(name)
    if not exchange_folders(tmp_path / "one", tmp_path / "other"):
        pytest.skip("this system or file system cannot exchange folders")
    assert (tmp_path / "one/was").read_text() == "other"
    assert (tmp_path / "other/was").read_text() == "one"


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    with pytest.raises(FileNotFoundError):
        exchange_folders(tmp_path / "one", tmp_path / "other")


def test_a_system_without_the_call_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    assert exchange_folders(tmp_path, tmp_path) is False
