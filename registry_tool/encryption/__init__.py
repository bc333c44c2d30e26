"""Encrypted versions, in the age format (https://age-encryption.org/v1): packing, encrypting, decrypting, keys.

Other packages import only what is in ``__all__``, from here, with the keys of ``crypto.age``; each name is imported from its
module when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from registry_tool.crypto.age import Key, new_key, read_identities, wrap, wrap_with_passphrase
    from registry_tool.encryption.keyring import KeyHolder, decrypt_version
    from registry_tool.encryption.seal import Package

__all__ = [
    "Key",
    "KeyHolder",
    "Package",
    "decrypt_version",
    "new_key",
    "read_identities",
    "wrap",
    "wrap_with_passphrase",
]

_HOMES: Final = {
    "Key": ("crypto.age", "Key"),
    "KeyHolder": ("encryption.keyring", "KeyHolder"),
    "Package": ("encryption.seal", "Package"),
    "decrypt_version": ("encryption.keyring", "decrypt_version"),
    "new_key": ("crypto.age", "new_key"),
    "read_identities": ("crypto.age", "read_identities"),
    "wrap": ("crypto.age", "wrap"),
    "wrap_with_passphrase": ("crypto.age", "wrap_with_passphrase"),
}

if not TYPE_CHECKING:  # a misspelt name stays an error of the type checker

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home, attribute = _HOMES[name]
        return getattr(import_module(f"registry_tool.{home}"), attribute)
