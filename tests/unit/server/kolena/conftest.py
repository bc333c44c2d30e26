"""A registry with a DVC remote, served for Kolena's client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.kolena_wire import PREFIX, stored_registry
from support.served_apps import ServedApp, serve_app

from registry_tool.server.kolena import build_face


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def folder(make_registry: Callable[..., Path], tmp_path: Path) -> Path:
    return make_registry(stored_registry(tmp_path))


@pytest.fixture
def app(folder: Path) -> Iterator[ServedApp]:
    with serve_app(folder, build_face, prefix=PREFIX) as served:
        yield served
