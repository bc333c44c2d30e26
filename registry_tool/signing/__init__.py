"""Whose signature a version has.

Other packages import only what is in ``__all__``, from here, with what they need of ``crypto``; each name is imported from
its module when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from registry_tool.crypto.allowed_signers import list_signer_names, signers_in
    from registry_tool.crypto.find_signers import find_signers
    from registry_tool.crypto.model_signing import LIMIT as BUNDLE_LIMIT
    from registry_tool.crypto.model_signing import check_package as check_model_signing
    from registry_tool.crypto.model_signing import sign as sign_content
    from registry_tool.crypto.pem import is_encrypted, public_half, read_public
    from registry_tool.crypto.ssh_keygen import sign as sign_record
    from registry_tool.crypto.sshsig import NAMESPACE, NotASignatureError, compute_fingerprint
    from registry_tool.crypto.sshsig import parse as parse_signature
    from registry_tool.signing.bundles import Copy, Found, judge_bundles, list_bundles
    from registry_tool.signing.signatures import (
        ALLOWED_SIGNERS,
        MODEL_SIGNING,
        SSH,
        Endorsement,
        Signature,
        allowed_signers,
        endorsements,
        judge_commit,
        judge_signatures,
        known_since,
        published_signature,
        require_signature,
        trouble,
    )

__all__ = [
    "ALLOWED_SIGNERS",
    "BUNDLE_LIMIT",
    "MODEL_SIGNING",
    "NAMESPACE",
    "SSH",
    "Copy",
    "Endorsement",
    "Found",
    "NotASignatureError",
    "Signature",
    "allowed_signers",
    "check_model_signing",
    "compute_fingerprint",
    "endorsements",
    "find_signers",
    "is_encrypted",
    "judge_bundles",
    "judge_commit",
    "judge_signatures",
    "known_since",
    "list_bundles",
    "list_signer_names",
    "parse_signature",
    "public_half",
    "published_signature",
    "read_public",
    "require_signature",
    "sign_content",
    "sign_record",
    "signers_in",
    "trouble",
]

_HOMES: Final = {
    "ALLOWED_SIGNERS": ("signing.signatures", "ALLOWED_SIGNERS"),
    "BUNDLE_LIMIT": ("crypto.model_signing", "LIMIT"),
    "MODEL_SIGNING": ("signing.signatures", "MODEL_SIGNING"),
    "NAMESPACE": ("crypto.sshsig", "NAMESPACE"),
    "SSH": ("signing.signatures", "SSH"),
    "Copy": ("signing.bundles", "Copy"),
    "Endorsement": ("signing.signatures", "Endorsement"),
    "Found": ("signing.bundles", "Found"),
    "NotASignatureError": ("crypto.sshsig", "NotASignatureError"),
    "Signature": ("signing.signatures", "Signature"),
    "allowed_signers": ("signing.signatures", "allowed_signers"),
    "list_bundles": ("signing.bundles", "list_bundles"),
    "check_model_signing": ("crypto.model_signing", "check_package"),
    "endorsements": ("signing.signatures", "endorsements"),
    "find_signers": ("crypto.find_signers", "find_signers"),
    "compute_fingerprint": ("crypto.sshsig", "compute_fingerprint"),
    "is_encrypted": ("crypto.pem", "is_encrypted"),
    "judge_signatures": ("signing.signatures", "judge_signatures"),
    "judge_bundles": ("signing.bundles", "judge_bundles"),
    "known_since": ("signing.signatures", "known_since"),
    "list_signer_names": ("crypto.allowed_signers", "list_signer_names"),
    "parse_signature": ("crypto.sshsig", "parse"),
    "public_half": ("crypto.pem", "public_half"),
    "published_signature": ("signing.signatures", "published_signature"),
    "read_public": ("crypto.pem", "read_public"),
    "require_signature": ("signing.signatures", "require_signature"),
    "sign_content": ("crypto.model_signing", "sign"),
    "sign_record": ("crypto.ssh_keygen", "sign"),
    "judge_commit": ("signing.signatures", "judge_commit"),
    "signers_in": ("crypto.allowed_signers", "signers_in"),
    "trouble": ("signing.signatures", "trouble"),
}

if not TYPE_CHECKING:  # a misspelt name stays an error of the type checker

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home, attribute = _HOMES[name]
        return getattr(import_module(f"registry_tool.{home}"), attribute)
