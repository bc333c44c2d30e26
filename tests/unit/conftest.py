"""Registries with stages, and keys of every kind that OpenSSH makes, without passphrases."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from support import without
from support.staged_registries import Staged

from registry_tool.manifests.problems import JSON

KINDS = {
    "ed25519": ("-t", "ed25519"),
    "rsa": ("-t", "rsa", "-b", "2048"),
    "p256": ("-t", "ecdsa", "-b", "256"),
    "p384": ("-t", "ecdsa", "-b", "384"),
    "p521": ("-t", "ecdsa", "-b", "521"),
}


@pytest.fixture(scope="session")
def make_key(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes a key: ``make_key("rsa")``; a second name gives a second key."""
    if shutil.which("ssh-keygen") is None:
        without("ssh-keygen is missing: install the OpenSSH client")
    folder = tmp_path_factory.mktemp("keys")

    def make(kind: str = "ed25519", name: str = "one") -> Path:
        place = folder / f"{kind}-{name}"
        if not place.exists():
            command = ["ssh-keygen", "-q", *KINDS[kind], "-N", "", "-C", name, "-f", str(place)]
            subprocess.run(command, check=True)
        return place

    return make


@pytest.fixture
def staged(tmp_path: Path) -> Callable[..., Staged]:
    """Makes a registry whose stage ``production`` has some gates: ``staged({"approvals": 2}, files=…)``."""

    def make(
        *require: Mapping[str, JSON], files: Mapping[str, str] | None = None, **stage: JSON
    ) -> Staged:
        gates: list[JSON] = [dict(gate) for gate in require]
        return Staged(tmp_path / "registry", {**stage, "require": gates}, files)

    return make


@pytest.fixture(scope="session")
def ssh_keys(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """An Ed25519 and an RSA key, without passphrases."""
    if shutil.which("ssh-keygen") is None:
        without("ssh-keygen is missing: install the OpenSSH client")
    folder, found = tmp_path_factory.mktemp("ssh"), []
    for kind in ("ed25519", "rsa"):
        place = folder / kind
        command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", kind, "-f", str(place)]
        subprocess.run(command, check=True)
        found.append(place)
    return found
