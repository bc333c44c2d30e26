"""Keys of every kind that OpenSSH makes, without passphrases; two of each test run share them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import without

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
