"""The rule about signatures of a record: each must be one."""

from __future__ import annotations

from collections.abc import Iterator

from registry_tool.checks.rule import Hit, ModelRule, ModelUnderCheck, Rule
from registry_tool.checks.rules.wording import named
from registry_tool.manifests.data import text

__all__ = ["RULES"]


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


RULES: tuple[Rule, ...] = (
    ModelRule("M216", "a signature is one of the record beside it", "refuse", signature_is_one),
)
