"""Signatures of a record, from the files of evidence beside it: over which bytes, and whose.

What is signed are the bytes of ``version.yaml``, which carry every digest. A signature counts by the keys of
``allowed_signers`` alone; what the file of evidence says of itself (``by``, ``at``) is not signed and counts for nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from registry_tool.catalog.index import VersionView
from registry_tool.git.line import Line
from registry_tool.git.tree import Tree
from registry_tool.manifests.data import Data, text
from registry_tool.manifests.document import Document
from registry_tool.promotion.entering import entered_at
from registry_tool.promotion.evidence import Piece, pieces
from registry_tool.promotion.provenance import written
from registry_tool.promotion.signatures import Signature
from registry_tool.signing import keygen
from registry_tool.signing.keys import holds
from registry_tool.signing.signers import names_of
from registry_tool.signing.sshsig import NAMESPACE, NotASignature, parse

__all__ = [
    "MODEL_SIGNING",
    "SSH",
    "Endorsement",
    "Moment",
    "endorsements",
    "known_since",
    "trouble",
    "verified",
]

SSH: Final = "ssh"
MODEL_SIGNING: Final = "model-signing"
# When a file of evidence was published; None for now.
Moment = Callable[[Document], dt.datetime | None]


class Endorsement(NamedTuple):
    """One signature of a record.

    Attributes:
        path: The file of evidence.
        signature: What it is worth; ``other`` is one that only another tool can check.
        why: Why it does not count, in words; empty for a good one.
        artifact: The artifact whose bytes it is of; empty for a signature of the record.
    """

    path: str
    signature: Signature
    why: str = ""
    artifact: str = ""


def trouble(data: Data, record: bytes) -> str:
    """Why a signature of format ``ssh`` cannot be one of a record; empty where it can, whoever made it.

    Args:
        data: The evidence.
        record: The bytes of ``version.yaml``.
    """
    try:
        signature = parse(text(data, "value"))
    except NotASignature as exc:
        return f"it is no SSH signature: {exc}"
    if signature.namespace != NAMESPACE:
        return f"it was made for {signature.namespace[:64]!a}, not for {NAMESPACE!a}"
    if holds(signature, record) is False:
        return "it was not made of these bytes by the key that it names"
    return ""


def _checked_elsewhere(data: Data) -> str:
    """What checks a signature that is no SSH signature of the record; empty for one that is."""
    kind = text(data, "format")
    if kind == MODEL_SIGNING:
        # It is of an artifact's bytes, by a key that only a reader can trust.
        return "of an artifact, which registry verify --public-key checks"
    return "" if kind == SSH and "value" in data else f"of format {kind}, which its own tool checks"


def _judged(piece: Piece, record: bytes, signers: bytes, moment: Moment) -> tuple[Signature, str]:
    data = piece.data
    if not piece.fits:
        return Signature("bad"), "it is about other bytes"
    if elsewhere := _checked_elsewhere(data):
        return Signature("other"), elsewhere
    if why := trouble(data, record):
        return Signature("bad"), why
    armour = text(data, "value")
    key = parse(armour).fingerprint
    if not keygen.is_there():
        return Signature("unchecked", key=key), "ssh-keygen, which checks whose it is, is missing"
    published = moment(piece.document) if keygen.is_timed(signers) else None
    names = keygen.principals(armour, record, signers, moment=published)
    if names:
        return Signature("good", names[0], key), ""
    # What ssh-keygen knows and `holds` does not, such as a certificate, is said to be unknown even where it is bad.
    why = f"by a key that allowed_signers does not have: {key}"
    if names_of(signers, parse(armour).key, namespace=NAMESPACE):
        when = (
            "now"
            if published is None
            else f"on {published:%Y-%m-%d %H:%M} UTC, when it was published"
        )
        why = f"by a key that is not valid {when}: {key}"
    return Signature("unknown key", key=key), why


def _now(_: Document) -> None:
    return None


def endorsements(
    version: VersionView, signers: bytes, *, moment: Moment = _now
) -> Iterator[Endorsement]:
    """The signatures of a record, by file name.

    Args:
        version: The version.
        signers: The content of ``allowed_signers``.
        moment: When each file was published, for keys that are valid for some time only.

    Raises:
        ShallowHistory: ``moment`` would need more history than is here.
    """
    record = version.document
    if record is None:
        return
    for piece in pieces(version, "signature"):
        found, why = _judged(piece, record.source, signers, moment)
        yield Endorsement(piece.document.path, found, why)


def verified(version: VersionView, signers: bytes, *, moment: Moment = _now) -> list[str]:
    """Who signed the record with a key of ``allowed_signers``, as it names them; each once.

    Args:
        version: The version.
        signers: The content of ``allowed_signers``.
        moment: As in ``endorsements``.
    """
    found = endorsements(version, signers, moment=moment)
    return [*dict.fromkeys(e.signature.signer for e in found if e.signature.state == "good")]


def known_since(line: Line, base: Tree, head: Tree, now: dt.datetime) -> Moment:
    """The time at which what is published got a file of evidence; now for one that the change under check brings.

    The claim in the file is not asked, nor the date of a commit that is older than what it follows: whoever has an
    expired key could write any time there.

    Args:
        line: What was published.
        base: The tree at its end.
        head: What is judged.
        now: The time, in UTC.
    """

    def moment(document: Document) -> dt.datetime | None:
        found = written(line, base, head, [document.path]).get(document.path)
        return now if found is None else entered_at(line, found.step, now)

    return moment
