"""The gate that counts approvals: of distinct, verified people, for exactly this record.

``by`` in an approval is only a claim. It is compared with the commit that gave the file its content: with the person who
signed that commit with a key of ``allowed_signers``, else with its author. A rejection by anyone is in effect until the
same person approves later. People are identified by the address in ``Name <address>``, ignoring case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.catalog.evidence import EvidenceItem, pieces
from registry_tool.git.blame import CommitOrigin, ContentOrigin, find_origins
from registry_tool.manifests.data import Data, text, whole
from registry_tool.promotion.context import GateAnswer, answer_failed, answer_held, answer_unknown
from registry_tool.signing import Signature, allowed_signers, judge_commit, published_signature

if TYPE_CHECKING:
    from registry_tool.promotion.context import GateInput

__all__ = [
    "approvals_gate",
    "fold_person",
    "is_person",
    "parse_address",
]

_ADDRESS: Final = re.compile(r"<([^<>]*)>\s*\Z")


def parse_address(said: str) -> str:
    """The address as it is written: what stands in angle brackets at the end, else all of it."""
    match = _ADDRESS.search(said)
    return (match[1] if match else said).strip()


def fold_person(said: str) -> str:
    """Fold two spellings of one person; empty where no person is named."""
    return parse_address(said).casefold()


def is_person(said: str) -> bool:
    """True for what can name one person: no pattern, as a line of ``allowed_signers`` may have."""
    address = parse_address(said)
    return bool(address) and not address.startswith("!") and not {"*", "?"} & set(address)


_SHOWN: Final = 8
# Newer than all that is published: it is part of the change under check.
_HERE: Final = -1


class _Vote(NamedTuple):
    """One file that approves or rejects.

    Attributes:
        who: The address, as it is shown.
        person: Who it is, folded.
        approves: False for a rejection.
        age: Smaller is newer.
        at: The time the file gives itself; decides only where there is no history.
        against: Why it does not count; empty where it does.
    """

    who: str
    person: str
    approves: bool
    age: int
    at: str
    against: str


def _is_signed(signature: Signature) -> bool:
    """True for a good signature of one person; `*@example.org` may sign, and is nobody in particular."""
    return signature.state == "good" and is_person(signature.signer)


def _explain_unsigned(origin: CommitOrigin, signature: Signature) -> str:
    """Why the signature of a commit is not that of a known person."""
    commit = f"commit {origin.commit[:12]}"
    return {
        "good": f"signed as {signature.signer}, which does not identify a person",
        "unknown key": f"signed with a key that is not in allowed_signers, or not valid at that time: {signature.key}",
        "other": f"{commit} has a signature that is not an SSH signature",
        "unchecked": "its key is a certificate, and ssh-keygen is missing or too old",
        "none": f"{commit} is not signed",
    }.get(signature.state, f"{commit} has an invalid signature")


def _mismatch(by: str, origin: CommitOrigin, signature: Signature, *, signers: bool) -> str:
    """Why a commit does not prove an approval; empty where it does."""
    if _is_signed(signature):
        same = fold_person(signature.signer) == fold_person(by)
        return "" if same else f"signed by {signature.signer}"
    if signers or signature.state == "bad":
        return _explain_unsigned(origin, signature)
    same = fold_person(origin.author) == fold_person(by)
    return "" if same else f"committed by {parse_address(origin.author)}"


def _person(by: str, origin: CommitOrigin, signature: Signature) -> str:
    """Whose word a file is, whatever it claims."""
    known = signature.signer if _is_signed(signature) else origin.author
    return fold_person(known) or fold_person(by)


def _vote(
    question: GateInput, piece: EvidenceItem, known: Mapping[str, ContentOrigin], *, signers: bool
) -> _Vote:
    by = text(piece.data, "by")
    approves = text(piece.data, "decision") == "approve"
    mine = _Vote(parse_address(by), fold_person(by), approves, _HERE, text(piece.data, "at"), "")
    if not piece.fits:
        return mine._replace(against="for another record")
    if question.line is None:
        return mine
    source = known.get(piece.document.path)
    if source is None:
        return mine._replace(against="added by this change: it counts after it is published")
    allowed = allowed_signers(question.base)
    signature = published_signature(question.line, source, allowed, now=question.now)
    against = _mismatch(by, source.origin, signature, signers=signers)
    person = _person(by, source.origin, signature)
    return mine._replace(person=person, age=source.age, against=against)


def _makers(question: GateInput, known: Mapping[str, ContentOrigin]) -> frozenset[str]:
    """Who made the version: its author, and who wrote, committed or signed its record."""
    record = question.version.document
    makers = {text(question.version.data, "author")}
    source = None if record is None else known.get(record.path)
    if source is not None and question.line is not None:
        signed = judge_commit(
            question.line.git, source.origin.commit, allowed_signers(question.base)
        )
        makers |= {source.origin.author, source.origin.committer, signed.signer}
    return frozenset(person for maker in makers if (person := fold_person(maker)))


def _votes(question: GateInput, gate: Data) -> list[_Vote]:
    found = [
        piece
        for piece in pieces(question.version, "approval")
        if text(piece.data, "stage") == question.stage.name
    ]
    if not found:
        return []
    known: Mapping[str, ContentOrigin] = {}
    record = question.version.document
    if question.line is not None and record is not None:
        paths = [record.path, *(piece.document.path for piece in found)]
        head = question.version.model.catalog.tree
        known = find_origins(question.line, question.base.tree, head, paths)
    signers = text(gate, "by") == "signers"
    votes = [_vote(question, piece, known, signers=signers) for piece in found]
    makers = _makers(question, known) if text(gate, "not") == "author" else frozenset()
    return [
        vote._replace(against="made the version")
        if vote.approves and not vote.against and vote.person in makers
        else vote
        for vote in votes
    ]


def _is_lifted(vote: _Vote, votes: Iterable[_Vote]) -> bool:
    """True for a rejection that the same person took back later."""
    return any(
        later.approves
        and later.person == vote.person
        and (later.age < vote.age or (later.age == vote.age == _HERE and later.at > vote.at))
        and later.against in {"", "made the version"}
        for later in votes
    )


def _standing(votes: list[_Vote]) -> list[_Vote]:
    return [
        vote
        for vote in votes
        if not vote.approves
        and vote.against != "for another record"
        and not _is_lifted(vote, votes)
    ]


def _describe(counted: list[str], votes: list[_Vote], wanted: int) -> str:
    words = f"{len(counted)} of {wanted} approval{'' if wanted == 1 else 's'}"
    words += f": {', '.join(counted[:_SHOWN])}" if counted else ""
    idle = [f"{vote.who} ({vote.against})" for vote in votes if vote.approves and vote.against]
    return words + (f"; does not count: {', '.join(idle[:_SHOWN])}" if idle else "")


def approvals_gate(question: GateInput, gate: Data) -> GateAnswer:
    """Enough people must have approved the version for the stage, and no rejection may be in effect."""
    wanted = whole(gate, "approvals")
    version, stage = question.version, question.stage.name
    votes = _votes(question, gate)
    against = _standing(votes)
    if against:
        names = ", ".join(vote.who for vote in against[:_SHOWN])
        return answer_failed(
            f"rejected by {names}",
            "the person who rejected it can approve it later",
        )
    counted = [
        *{vote.person: vote.who for vote in votes if vote.approves and not vote.against}.values()
    ]
    found = _describe(counted, votes, wanted)
    if len(counted) < wanted:
        remedy = f"registry evidence add {version} --kind approval --stage {stage} --decision approve --commit"
        return answer_failed(found, f"an approver must first merge: {remedy}")
    if question.line is None:
        return answer_unknown(
            f"{found}, according to the files; without history their authors cannot be verified"
        )
    return answer_held(found)
