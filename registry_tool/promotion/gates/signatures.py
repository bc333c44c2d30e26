"""Gates on signatures: of the commit that added the record, and of the record itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry_tool.git.blame import find_origins
from registry_tool.manifests.data import Data
from registry_tool.promotion.context import GateAnswer, answer_failed, answer_held, answer_unknown
from registry_tool.signing import (
    ALLOWED_SIGNERS,
    Endorsement,
    Signature,
    allowed_signers,
    endorsements,
    known_since,
    published_signature,
)

if TYPE_CHECKING:
    from registry_tool.promotion.context import GateInput

__all__ = [
    "endorsed_gate",
    "signed_gate",
]

_AGAIN: Final = "add a new version with a signed commit: git config commit.gpgSign true"


def _unknown_key(where: str, key: str, signers: bytes) -> GateAnswer:
    if not signers:
        return answer_failed(
            f"{where} is signed with key {key}, but there is no {ALLOWED_SIGNERS} to identify it",
            f"add the address and public key of each signer to {ALLOWED_SIGNERS}, and merge that first",
        )
    return answer_failed(
        f"{where} is signed with a key that is not in {ALLOWED_SIGNERS}, or not valid at that time: {key}",
        f"if you know whose key it is, add it to {ALLOWED_SIGNERS}",
    )


def _answer(signature: Signature, commit: str, signers: bytes) -> GateAnswer:
    where = f"commit {commit[:12]}"
    if signature.state == "good":
        return answer_held(f"{where}, by {signature.signer}")
    if signature.state == "unknown key":
        return _unknown_key(where, signature.key, signers)
    if signature.state == "unchecked":
        return answer_unknown(
            f"{where} is signed by a certificate, and ssh-keygen is missing or too old",
            "install the OpenSSH client, 8.2 or newer",
        )
    trouble = {
        "bad": "has an invalid signature",
        "other": "has a signature that is not an SSH signature",
    }.get(signature.state, "is not signed")
    return answer_failed(f"{where} {trouble}", _AGAIN)


def signed_gate(question: GateInput, gate: Data) -> GateAnswer:  # noqa: ARG001 (all gates are asked alike)
    """The commit that gave ``version.yaml`` its content must be signed by a key that the registry knows."""
    record = question.version.document
    if question.line is None or record is None:
        return answer_unknown("the commit is not in the local history")
    head = question.version.model.catalog.tree
    source = find_origins(question.line, question.base.tree, head, [record.path]).get(record.path)
    if source is None:
        return answer_failed(
            "the record is not published yet", "merge the version first, then promote it"
        )
    signers = allowed_signers(question.base)
    found = published_signature(question.line, source, signers, now=question.now)
    return _answer(found, source.origin.commit, signers)


_SHOWN: Final = 3


def _describe(found: list[Endorsement]) -> str:
    shown = [f"{e.path.rpartition('/')[2]}: {e.why}" for e in found[:_SHOWN]]
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return "; ".join(shown) + more


def endorsed_gate(question: GateInput, gate: Data) -> GateAnswer:  # noqa: ARG001 (all gates are asked alike)
    """The record must be signed with a key in the published ``allowed_signers``."""
    version, signers = question.version, allowed_signers(question.base)
    head = version.model.catalog.tree
    line = question.line
    if line is None:
        found = [*endorsements(version, signers)]
    else:
        moment = known_since(line, question.base.tree, head, question.now)
        found = [*endorsements(version, signers, moment=moment)]
    names = dict.fromkeys(e.signature.signer for e in found if e.signature.state == "good")
    if names:
        return answer_held(f"by {', '.join([*names][:_SHOWN])}")
    remedy = f"registry sign {version} --commit"
    if not found:
        return answer_failed(f"{version} is not signed", remedy)
    if any(e.signature.state == "unchecked" for e in found):
        return answer_unknown(_describe(found), "install the OpenSSH client, 8.2 or newer")
    if not signers:
        told = f"there is no {ALLOWED_SIGNERS} to identify keys"
        return answer_failed(
            told, f"add the address and public key of each signer to {ALLOWED_SIGNERS}"
        )
    return answer_failed(_describe(found), remedy)
