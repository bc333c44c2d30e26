"""Whose an SSH signature is: the names that ``allowed_signers`` gives the key which made it.

Signatures by keys (Ed25519, RSA, ECDSA, and the hardware-backed kinds) are verified here, so an image without OpenSSH can
verify them, and every machine gives the same answer. A certificate needs ``ssh-keygen``, which knows its authority and its
limits (docs/decisions/0040). Tests compare both ways for the other kinds.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from registry_tool.crypto import ssh_keygen
from registry_tool.crypto.allowed_signers import list_signer_names
from registry_tool.crypto.sshsig import KNOWN, NAMESPACE, SshSignature, holds, parse

__all__ = ["can_verify", "find_signers"]

_MOST: Final = 16  # names of one key; a file that lists more is not for people


def can_verify(signature: SshSignature) -> bool:
    """False for a certificate where ``ssh-keygen`` is not installed."""
    return signature.key_type in KNOWN or ssh_keygen.is_there()


def find_signers(
    armor: str,
    message: bytes,
    allowed: bytes,
    *,
    moment: dt.datetime | None = None,
    namespace: str = NAMESPACE,
) -> list[str]:
    """The names of the key that signed a message; empty for an invalid signature and for a key that is not allowed.

    Args:
        armor: The signature, with its lines BEGIN and END.
        message: The bytes that it should sign.
        allowed: The content of ``allowed_signers``; a line without ``namespaces`` allows all of them.
        moment: When the signature existed: a key with a limited validity must be valid then. Now by default.
        namespace: The purpose of the signature.

    Raises:
        OperationalError: The key is a certificate, and ``ssh-keygen`` is not installed.
        NotASignatureError: The text is not a signature.
    """
    signature = parse(armor)
    if signature.namespace != namespace:
        return []
    if signature.key_type not in KNOWN:
        return ssh_keygen.principals(armor, message, allowed, moment=moment, namespace=namespace)
    if not holds(signature, message):
        return []
    when = moment or dt.datetime.now(dt.UTC)
    found = list_signer_names(
        allowed, signature.key, namespace=namespace, moment=int(when.timestamp())
    )
    return found[:_MOST]
