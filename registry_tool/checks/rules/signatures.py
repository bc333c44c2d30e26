"""Rules about signatures: each must be one, and is made with a key that is valid when it comes in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from registry_tool.checks.rule import (
    ChangeRule,
    ChangeView,
    Hit,
    Located,
    ModelRule,
    ModelUnderCheck,
    Rule,
)
from registry_tool.checks.rules.wording import named
from registry_tool.manifests.data import text

__all__ = ["RULES"]

_SIGNERS: Final = "allowed_signers"
_LIMIT: Final = 1 << 20


def signature_is_one(model: ModelUnderCheck) -> Iterator[Hit]:
    """Evidence with an SSH signature must hold one that its own key made of the ``version.yaml`` beside it.

    A file that only looks like a signature would stand in every list of what vouches for a version. Whose key it is, a
    check does not ask: the gate ``{evidence: signature}``, ``registry verify`` and ``registry fetch --require-signature``
    do. Certificates and signatures of other formats are left to them too.

    Mend it: delete the file and sign the version with ``registry sign``.

    Example:
        ``evidence/signed.yaml`` with the signature of version 3 and the digest of version 4.
    """
    for version in model.looked_at():
        record = version.document
        if record is None or "evidence" not in model.catalog.tree.folder(version.folder):
            continue
        # Ten modules about signatures, which a check of records without evidence does not need.
        from registry_tool.promotion.endorsements import SSH, trouble
        from registry_tool.promotion.evidence import pieces

        for piece in pieces(version, "signature"):
            # That it is about another record is for M211 to say.
            if not piece.fits or text(piece.data, "format") != SSH or "value" not in piece.data:
                continue
            if why := trouble(piece.data, record.source):
                yield Hit(
                    f"the signature of {named(str(version))} does not hold: {why}",
                    path=piece.document.path,
                    at=("value",),
                    expected="an SSH signature of the bytes of version.yaml",
                    remedy=f"registry sign {named(str(version))}",
                )


def _of_record(view: ChangeView, change: Located, signers: bytes) -> Iterator[Hit]:
    """What is wrong with the key of a signature that is a file of evidence."""
    from registry_tool.promotion.endorsements import SSH
    from registry_tool.signing.signers import names_of
    from registry_tool.signing.sshsig import NAMESPACE, NotASignature, parse

    place = change.place
    document = None if place is None else view.head.document(change.path, place)
    data = None if document is None else document.data
    if place is None or data is None or text(data, "format") != SSH:
        return
    try:
        signature = parse(text(data, "value"))
    except NotASignature:
        return  # M216
    now = int(view.now.timestamp())
    ever = names_of(signers, signature.key, namespace=NAMESPACE)
    if ever and not names_of(signers, signature.key, namespace=NAMESPACE, moment=now):
        yield Hit(
            f"the key of {named(ever[0])} is not valid now, so its signature cannot come in",
            path=change.path,
            at=("value",),
            found=signature.fingerprint,
            expected="a key that allowed_signers has for today",
            remedy=f"delete the file and sign with a valid key: registry sign {named(f'{place.model}@{place.version}')}",
        )


def _of_commit(view: ChangeView, change: Located) -> Iterator[Hit]:
    """What is wrong with the key that signed the commit which brings a file."""
    from registry_tool.promotion.incoming import incoming

    found = incoming(view.line, view.base, view.head, change.path, now=view.now)
    if found is None or not found.ended:
        return
    yield Hit(
        f"commit {found.commit[:12]} is signed with a key of {named(found.ended)} that is not valid now",
        path=change.path,
        place=(1, 1),
        found=found.now.key,
        expected="a key that allowed_signers has for today",
        remedy="sign the commit again with a valid key: git commit --amend --no-edit -S",
    )


def signatures_come_in_valid(view: ChangeView) -> Iterator[Hit]:
    """A signature that a change brings must be made with a key that is valid now, by the clock of whoever judges.

    A key that ``allowed_signers`` ends with ``valid-before`` may be in wrong hands, and whoever has it can date a commit
    back. Signatures that are published stay good: their time is when they were published. Looked at are SSH
    signatures of records, and the signed commits that bring approvals and records.

    Mend it: sign again with a valid key: ``registry sign``, or ``git commit --amend --no-edit -S`` for a commit.

    Example:
        an approval in a commit that is dated 2025 and signed with a key that has ``valid-before="20260101"``.
    """
    wanted = [c for c in view.changes if c.place is not None and c.place.kind in {"evidence", "version"} and not c.removed]  # fmt: skip
    if not wanted:
        return
    # Read here: without a key that is valid for some time only, a dozen modules need not be imported.
    signers = view.base.tree.read(_SIGNERS, limit=_LIMIT) or b""
    if b"valid-" not in signers.lower():
        return
    for change in wanted:
        if change.place is None:
            continue
        document = view.head.document(change.path, change.place)
        kind = "" if document is None else text(document.data, "kind")
        if kind == "signature":
            yield from _of_record(view, change, signers)
        elif change.place.kind == "version" or kind == "approval":
            yield from _of_commit(view, change)


RULES: tuple[Rule, ...] = (
    ModelRule("M216", "a signature is one of the record beside it", "refuse", signature_is_one),
    ChangeRule("C420", "a signature comes in with a valid key", "refuse", signatures_come_in_valid),
)
