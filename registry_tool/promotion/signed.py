"""The gate that asks for a signature on the commit which made the record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry_tool.manifests.data import Data
from registry_tool.promotion.outcome import Answer, failed, held, unknown
from registry_tool.promotion.provenance import written
from registry_tool.promotion.signatures import (
    ALLOWED_SIGNERS,
    Signature,
    allowed_signers,
    published_signature,
)

if TYPE_CHECKING:
    from registry_tool.promotion.question import Question

__all__ = ["signed_gate"]

_AGAIN: Final = "add a new version with a signed commit: git config commit.gpgSign true"


def _unknown_key(where: str, key: str, signers: bytes) -> Answer:
    if not signers:
        return failed(
            f"{where} is signed, and there is no {ALLOWED_SIGNERS} that says whose key {key} is",
            f"write the address and the public key of each signer into {ALLOWED_SIGNERS}; have that merged first",
        )
    return failed(
        f"{where} is signed with a key that {ALLOWED_SIGNERS} does not have, or not for that time: {key}",
        f"have the key added to {ALLOWED_SIGNERS}, if it is known whose it is",
    )


def _answer(signature: Signature, commit: str, signers: bytes) -> Answer:
    where = f"commit {commit[:12]}"
    if signature.state == "good":
        return held(f"{where}, by {signature.signer}")
    if signature.state == "unknown key":
        return _unknown_key(where, signature.key, signers)
    if signature.state == "unchecked":
        return unknown(
            f"{where} is signed, and ssh-keygen, which checks it, is missing or too old here",
            "install the OpenSSH client, 8.2 or newer",
        )
    trouble = {
        "bad": "carries a signature that is not good for it",
        "other": "carries no SSH signature, but one of another kind",
    }.get(signature.state, "is not signed")
    return failed(f"{where} {trouble}", _AGAIN)


def signed_gate(question: Question, gate: Data) -> Answer:  # noqa: ARG001 (all gates are asked alike)
    """The commit that gave ``version.yaml`` its content must be signed by a key that the registry knows."""
    record = question.version.document
    if question.line is None or record is None:
        return unknown("there is no history here that has the commit")
    head = question.version.model.catalog.tree
    source = written(question.line, question.base.tree, head, [record.path]).get(record.path)
    if source is None:
        return failed("the record is not published yet", "merge the version first, then promote it")
    signers = allowed_signers(question.base)
    found = published_signature(question.line, source, signers, now=question.now)
    return _answer(found, source.origin.commit, signers)
