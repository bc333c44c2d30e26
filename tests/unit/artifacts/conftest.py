from __future__ import annotations

from pathlib import Path

import pytest

from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.remotes import http_client
from registry_tool.artifacts.remotes.local import LocalRemote


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_DIRS", "REGISTRY_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DVC_SYSTEM_CONFIG_DIR", str(tmp_path / "system"))
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "global"))
    return home


@pytest.fixture(params=["http.client", "urllib3"])
def http_sender(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything holds for plain requests whichever library sends them."""
    if request.param == "urllib3":
        monkeypatch.setattr(http_client, "is_plain", lambda *_: False)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def remote(tmp_path: Path) -> LocalRemote:
    (tmp_path / "remote").mkdir()
    return LocalRemote(name="storage", folder=tmp_path / "remote")
