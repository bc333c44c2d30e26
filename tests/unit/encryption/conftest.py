"""SSH keys, which age knows too."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from support import without


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
