"""Pages of the illustrated registry, made once."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.built_pages import build_pages
from support.illustrated_registry import build_illustrated_registry


@pytest.fixture(scope="session")
def illustrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_illustrated_registry(tmp_path_factory.mktemp("illustrated") / "registry")


@pytest.fixture(scope="session")
def pages(illustrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    build_pages(illustrated, folder, check=True)
    return folder
