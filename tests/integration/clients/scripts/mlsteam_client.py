"""MLSteam's SDK without the native library that opens encrypted packages: its Python package finds none on most machines.

Four names in its place let the SDK be imported. Plain files and packages need nothing of it.
"""

from __future__ import annotations

import sys
import types
from enum import Enum

__all__ = ["install_stub"]


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
