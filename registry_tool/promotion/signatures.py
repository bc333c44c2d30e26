"""Signatures of commits, checked against the keys that the registry itself names.

``allowed_signers`` at the root of the registry says whose key is whose, in the form that ``ssh-keygen`` reads. It is
taken from what is published, so a change cannot bring its own key along. ``ssh-keygen`` does the checking, at a time that
the caller names, where Git would take the commit's own date. What the user's settings say about signatures plays no part.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Final, Literal, NamedTuple

from registry_tool.catalog.index import Catalog
from registry_tool.git.line import LITERAL, Line
from registry_tool.git.plumbing import Git
from registry_tool.promotion.entering import entered_at, moment_of
from registry_tool.promotion.provenance import Written
from registry_tool.signing import keygen
from registry_tool.signing.keys import holds
from registry_tool.signing.signers import signers_in
from registry_tool.signing.sshsig import NotASignature, parse

__all__ = [
    "ALLOWED_SIGNERS",
    "Signature",
    "SignatureState",
    "allowed_signers",
    "published_signature",
    "signature_of",
]

ALLOWED_SIGNERS: Final = "allowed_signers"
_LIMIT: Final = 1 << 20
_SSH: Final = b"-----BEGIN SSH SIGNATURE-----"
# `gpgsig-sha256` where the repository's ids are SHA-256.
_HEADERS: Final = (b"gpgsig ", b"gpgsig-sha256 ")
_SHA256_ID: Final = 64
# What Git gives `ssh-keygen -Y sign -n`.
_NAMESPACE: Final = "git"
_DATE: Final = re.compile(rb"^committer .*> (\d+) [+-]\d+$", re.MULTILINE)

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


class _Signed(NamedTuple):
    """A commit, taken apart.

    Attributes:
        payload: The bytes that are signed.
        signatures: The signatures, as they are written.
        when: The committer's date, in seconds since 1970.
    """

    payload: bytes
    signatures: tuple[bytes, ...]
    when: int


def _taken_apart(raw: bytes, header: bytes) -> _Signed:
    """As ``parse_signed_commit`` in Git's ``commit.c``: no ``gpgsig`` of either kind of id is part of what is signed."""
    head, blank, message = raw.partition(b"\n\n")
    kept: list[bytes] = []
    found: list[list[bytes]] = []
    reading: list[bytes] | None = None
    for line in head.split(b"\n"):
        if line.startswith(b" ") and reading is not None:
            reading.append(line[1:])
            continue
        reading = [] if line.startswith(b"gpgsig") else None
        if line.startswith(header):
            found.append(reading := [line.removeprefix(header)])
        elif reading is None:
            kept.append(line)
    date = _DATE.search(head)
    signatures = tuple(b"\n".join([*lines, b""]) for lines in found)
    return _Signed(b"\n".join(kept) + blank + message, signatures, int(date[1]) if date else 0)


def _judged(signed: _Signed, signers: bytes, moment: dt.datetime) -> Signature:
    """What an SSH signature of a commit is worth at a time."""
    try:
        armour = signed.signatures[0].decode("ascii", "replace")
        signature = parse(armour)
    except NotASignature:
        return Signature("bad")
    key = signature.fingerprint
    # Git itself would join several into one that is none.
    if len(signed.signatures) > 1 or signature.namespace != _NAMESPACE:
        return Signature("bad", key=key)
    if holds(signature, signed.payload) is False:
        return Signature("bad", key=key)
    names = keygen.principals(armour, signed.payload, signers, moment=moment, namespace=_NAMESPACE)
    if names:
        return Signature("good", names[0], key)
    seconds = int(moment.timestamp())
    known = [
        one for one in signers_in(signers) if one.key == signature.key and one.is_valid(seconds)
    ]
    # A key that is known, and may not sign commits.
    return Signature("bad" if known else "unknown key", key=key)


def signature_of(
    git: Git, commit: str, signers: bytes, *, moment: dt.datetime | None = None
) -> Signature:
    """What the signature of a commit is worth.

    Args:
        git: The repository.
        commit: The commit's full id.
        signers: The content of ``allowed_signers``.
        moment: When the key must be valid; the commit's own date by default, which its author chose.

    Raises:
        GitTrouble: The commit cannot be read.
    """
    raw = git.run("cat-file", "commit", commit, env=LITERAL)
    signed = _taken_apart(raw, _HEADERS[len(commit) == _SHA256_ID])
    if not signed.signatures:
        return Signature("none")
    if not signed.signatures[0].startswith(_SSH):
        return Signature("other")
    if not keygen.is_there():
        return Signature("unchecked")
    return _judged(signed, signers, moment or moment_of(signed.when))


def published_signature(
    line: Line, source: Written, signers: bytes, *, now: dt.datetime
) -> Signature:
    """What the signature of a commit that gave a published file its content is worth.

    The key must have been valid when the file was published, as the graph says: a commit's own date is its author's word.

    Args:
        line: What was published.
        source: Where the file's content comes from.
        signers: The content of ``allowed_signers``.
        now: The time, in UTC.

    Raises:
        GitTrouble: The history cannot be read.
    """
    moment = entered_at(line, source.step, now) if keygen.is_timed(signers) else None
    return signature_of(line.git, source.origin.commit, signers, moment=moment)
