"""MLSteam's SDK without the native library that opens encrypted packages: its Python package finds none on most machines.

Four names in its place let the SDK be imported. Plain files and packages need nothing of it.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import types
import urllib.request
from enum import Enum
from pathlib import Path

__all__ = ["configure", "install_stub", "make_token", "put_file"]


def _pack(data: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")


def make_token(url: str, token: str = "local") -> str:
    """A token as the SDK takes it."""
    return f"{_pack({'alg': 'none'})}.{_pack({'api_address': url})}.{token}"


def configure(url: str, home: Path, token: str, project: str = "default") -> None:
    """Write the settings of the SDK into a folder and go there; then the SDK can be imported."""
    settings = home / ".mlsteam-model-sdk" / "cfg.ini"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(
        f"[mlsteam_model_sdk]\napi_token = {token}\napi_endpoint = {url}\ndefault_project_name = {project}\n"
    )
    os.chdir(home)
    install_stub()


def put_file(url: str, token: str, path: str, content: bytes) -> dict[str, object]:
    """Upload a file to PROJECT/UPLOAD/PATH; the SDK's client sends no bytes as a body."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream"}
    request = urllib.request.Request(f"{url}/api/v2/uploads/{path}", content, headers, method="PUT")
    with urllib.request.urlopen(request) as answer:
        found: dict[str, object] = json.load(answer)
    return found


class _Sealer:
    """Seals nothing: what it gets is what it gives."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def encrypt(self, data: bytes, *_: object) -> bytes:
        """See ``scell.SCellSeal``."""
        return data

    decrypt = encrypt
    wrap = encrypt
    unwrap = encrypt


class _KeyPairType(Enum):
    EC = "EC"
    RSA = "RSA"


class _KeyPair:
    """A pair of keys that open nothing."""

    def __init__(self, *_: object) -> None:
        pass

    def export_private_key(self) -> bytes:
        """See ``skeygen.GenerateKeyPair``."""
        return b"private"

    def export_public_key(self) -> bytes:
        """See ``skeygen.GenerateKeyPair``."""
        return b"public"


def install_stub() -> None:
    """Put the names in place."""
    names = {
        "scell": {"SCellSeal": _Sealer},
        "smessage": {"SMessage": _Sealer},
        "skeygen": {
            "GenerateKeyPair": _KeyPair,
            "GenerateSymmetricKey": lambda: b"\0" * 32,
            "KEY_PAIR_TYPE": _KeyPairType,
        },
    }
    top = types.ModuleType("pythemis")
    sys.modules["pythemis"] = top
    for name, values in names.items():
        module = types.ModuleType(f"pythemis.{name}")
        module.__dict__.update(values)
        setattr(top, name, module)
        sys.modules[f"pythemis.{name}"] = module
