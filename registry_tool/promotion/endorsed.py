"""The gate that asks for a signature of the record itself, by somebody whom the registry knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry_tool.manifests.data import Data
from registry_tool.promotion.endorsements import Endorsement, endorsements, known_since
from registry_tool.promotion.outcome import Answer, failed, held, unknown
from registry_tool.promotion.signatures import ALLOWED_SIGNERS, allowed_signers

if TYPE_CHECKING:
    from registry_tool.promotion.question import Question

__all__ = ["endorsed_gate"]

_SHOWN: Final = 3


def _told(found: list[Endorsement]) -> str:
    shown = [f"{e.path.rpartition('/')[2]}: {e.why}" for e in found[:_SHOWN]]
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return "; ".join(shown) + more


def endorsed_gate(question: Question, gate: Data) -> Answer:  # noqa: ARG001 (all gates are asked alike)
    """A signature of the record must be there, by a key of the ``allowed_signers`` that is published."""
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
        return held(f"by {', '.join([*names][:_SHOWN])}")
    remedy = f"registry sign {version} --commit"
    if not found:
        return failed(f"{version} is not signed", remedy)
    if any(e.signature.state == "unchecked" for e in found):
        return unknown(_told(found), "install the OpenSSH client, 8.2 or newer")
    if not signers:
        told = f"there is no {ALLOWED_SIGNERS} that says whose keys are whose"
        return failed(told, f"write address and public key of each signer into {ALLOWED_SIGNERS}")
    return failed(_told(found), remedy)
