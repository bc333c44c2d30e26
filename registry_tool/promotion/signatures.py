"""Signatures of commits, checked against the keys that the registry itself names.

``allowed_signers`` at the root of the registry says whose key is whose, in the form that ``ssh-keygen`` reads. It is
taken from what is published, so a change cannot bring its own key along. Git and ``ssh-keygen`` do the checking; what
the user's settings say about signatures plays no part, so that every machine comes to the same answer.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal, NamedTuple

from registry_tool.catalog.index import Catalog
from registry_tool.git.line import LITERAL
from registry_tool.git.plumbing import Git

__all__ = ["ALLOWED_SIGNERS", "Signature", "SignatureState", "allowed_signers", "signature_of"]

ALLOWED_SIGNERS: Final = "allowed_signers"
_LIMIT: Final = 1 << 20
_SSH: Final = b"-----BEGIN SSH SIGNATURE-----"
# `gpgsig-sha256` where the repository's ids are SHA-256.
_HEADERS: Final = (b"gpgsig ", b"gpgsig-sha256 ")
_SETTINGS: Final = (
    "-c", "gpg.ssh.program=ssh-keygen", "-c", "gpg.ssh.revocationFile=", "-c", "gpg.minTrustLevel=undefined",
)  # fmt: skip

SignatureState = Literal["good", "unknown key", "bad", "other", "none", "unchecked"]


class Signature(NamedTuple):
    """What the signature of a commit is worth.

    Attributes:
        state: ``good``: by a key of ``allowed_signers``; ``unknown key``: right, by a key that is not there or not
            valid at that time; ``bad``: not of these bytes, or by a key that may not sign commits; ``other``: no SSH
            signature; ``none``: not signed; ``unchecked``: nothing here can check it.
        signer: Who signed, as ``allowed_signers`` names them; only where it is good.
        key: The key's fingerprint; empty where it could not be told.
    """

    state: SignatureState
    signer: str = ""
    key: str = ""


def allowed_signers(catalog: Catalog) -> bytes:
    """The file that says whose key is whose; empty where a registry has none."""
    return catalog.tree.read(ALLOWED_SIGNERS, limit=_LIMIT) or b""


def _header(git: Git, commit: str) -> bytes:
    """The beginning of a commit's signature; empty for none."""
    head, _, _ = git.run("cat-file", "commit", commit, env=LITERAL).partition(b"\n\n")
    for line in head.split(b"\n"):
        for name in _HEADERS:
            if line.startswith(name):
                return line.removeprefix(name)
    return b""


def _asked(git: Git, commit: str, signers: bytes) -> Signature:
    with TemporaryDirectory(prefix="registry-signers-") as folder:
        place = Path(folder) / ALLOWED_SIGNERS
        place.write_bytes(signers)
        out = git.run(
            *_SETTINGS, "-c", f"gpg.ssh.allowedSignersFile={place}",
            "log", "-1", "-z", "--no-show-signature", "--format=%G?%x00%GS%x00%GK",
            "--end-of-options", commit, "--", env=LITERAL,
        )  # fmt: skip
    state, signer, key = out.decode(errors="replace").split("\0")[:3]
    if state == "G" and signer:
        return Signature("good", signer, key)
    if state in {"U", "X", "Y", "R"}:
        return Signature("unknown key", key=key)
    return Signature("unchecked" if state == "E" else "bad", key=key)


def signature_of(git: Git, commit: str, signers: bytes) -> Signature:
    """What the signature of a commit is worth.

    Args:
        git: The repository.
        commit: The commit's full id.
        signers: The content of ``allowed_signers``.

    Raises:
        GitTrouble: The commit cannot be read.
    """
    header = _header(git, commit)
    if not header:
        return Signature("none")
    if not header.startswith(_SSH):
        return Signature("other")
    if shutil.which("ssh-keygen") is None:
        return Signature("unchecked")
    return _asked(git, commit, signers)
