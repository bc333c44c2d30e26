"""The fences around every test stand."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from support import git

from registry_tool.paths import cache_folder


def test_home_and_caches_are_the_tests_own(
    home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = tmp_path_factory.getbasetemp()
    assert home.is_relative_to(base)
    assert cache_folder().is_relative_to(home)
    for name in (
        "XDG_CONFIG_HOME",
        "GIT_CONFIG_GLOBAL",
        "DVC_GLOBAL_CONFIG_DIR",
        "DVC_SITE_CACHE_DIR",
    ):
        assert Path(os.environ[name]).is_relative_to(home)


def test_git_has_an_identity_and_no_settings_of_the_user(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert git(tmp_path, "var", "GIT_AUTHOR_IDENT").startswith("A. Tester <tester@example.org>")
    assert git(tmp_path, "symbolic-ref", "HEAD") == "refs/heads/main"


def test_no_connection_leaves_this_machine() -> None:
    with socket.socket() as outside, pytest.raises(OSError, match="do not open connections"):
        outside.connect(("192.0.2.1", 80))


def test_connections_to_this_machine_are_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=10).close()
