from __future__ import annotations

import sys
from pathlib import Path

import pytest

from registry_tool.places import cache_folder


def test_the_cache_is_where_the_environment_says(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache_folder().is_relative_to(home)
    monkeypatch.setenv("REGISTRY_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("REGISTRY_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    if sys.platform == "linux":
        assert cache_folder() == tmp_path / "xdg" / "registry-tool"
