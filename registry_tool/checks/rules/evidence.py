"""Rules about evidence: signatures are valid, are made with a current key, and do not get fewer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from registry_tool.catalog.catalog import ModelView, VersionView
from registry_tool.catalog.resolve import in_order
from registry_tool.checks.rule import (
    ChangeRule,
    ChangeView,
    FileRule,
    FileView,
    Located,
    ModelRule,
    ModelUnderCheck,
    Violation,
    find_version,
    format_name,
)
from registry_tool.manifests.data import Data, text
from registry_tool.manifests.layout import Place
from registry_tool.promotion.commands import adding

__all__ = [
    "RULES",
]

_SIGNERS: Final = "allowed_signers"
_LIMIT: Final = 1 << 20


def signature_is_one(model: ModelUnderCheck) -> Iterator[Violation]:
    """Evidence with an SSH signature must contain a valid signature of the version's ``version.yaml``.

    Otherwise an invalid signature would be listed as evidence for a version. A check does not determine whose key it is:
    the gate ``{evidence: signature}``, ``registry verify`` and ``registry fetch --require-signature`` do. They also check
    certificates and signatures in other formats.

    How to fix: delete the file and sign the version with ``registry sign``.

    Example:
        ``evidence/signed.yaml`` with the signature of version 3 and the digest of version 4.
    """
    for version in model.looked_at():
        record = version.document
        if record is None or "evidence" not in model.catalog.tree.folder(version.folder):
            continue
        # Ten modules about signatures, which a check of records without evidence does not need.
        from registry_tool.catalog.evidence import pieces
        from registry_tool.signing import SSH, trouble

        for piece in pieces(version, "signature"):
            # M211 reports evidence about another record.
            if not piece.fits or text(piece.data, "format") != SSH or "value" not in piece.data:
                continue
            if why := trouble(piece.data, record.source):
                yield Violation(
                    f"the signature of {format_name(str(version))} is invalid: {why}",
                    path=piece.document.path,
                    at=("value",),
                    expected="an SSH signature of version.yaml",
                    remedy=f"registry sign {format_name(str(version))}",
                )


def _check_record_signature(
    view: ChangeView, change: Located, signers: bytes
) -> Iterator[Violation]:
    """Find a signature in evidence whose key is not valid now."""
    from registry_tool.signing import (
        NAMESPACE,
        SSH,
        NotASignatureError,
        list_signer_names,
        parse_signature,
    )

    place = change.place
    document = None if place is None else view.head.document(change.path, place)
    data = None if document is None else document.data
    if place is None or data is None or text(data, "format") != SSH:
        return
    try:
        signature = parse_signature(text(data, "value"))
    except NotASignatureError:
        return  # M216
    now = int(view.now.timestamp())
    ever = list_signer_names(signers, signature.key, namespace=NAMESPACE)
    if ever and not list_signer_names(signers, signature.key, namespace=NAMESPACE, moment=now):
        yield Violation(
            f"the key of {format_name(ever[0])} is not valid now, so its signature cannot be added",
            path=change.path,
            at=("value",),
            found=signature.fingerprint,
            expected="a key that is valid today in allowed_signers",
            remedy=f"delete the file and sign with a valid key: registry sign {format_name(f'{place.model}@{place.version}')}",
        )


def _check_commit_signature(view: ChangeView, change: Located) -> Iterator[Violation]:
    """Find a key that is not valid now and signed the commit which adds a file."""
    from registry_tool.promotion.added import incoming

    found = incoming(view.line, view.base, view.head, change.path, now=view.now)
    if found is None or not found.ended:
        return
    yield Violation(
        f"commit {found.commit[:12]} is signed with a key of {format_name(found.ended)} that is not valid now",
        path=change.path,
        place=(1, 1),
        found=found.now.key,
        expected="a key that is valid today in allowed_signers",
        remedy="sign the commit again with a valid key: git commit --amend --no-edit -S",
    )


def signatures_come_in_valid(view: ChangeView) -> Iterator[Violation]:
    """A signature that a change adds must be made with a key that is valid now, by the clock of the machine that checks.

    A key that ``allowed_signers`` ends with ``valid-before`` may be compromised, and its holder can backdate a commit.
    Published signatures stay valid: their time is the time of publication. This rule checks SSH signatures of records, and
    the signed commits that add approvals and records.

    How to fix: sign again with a valid key: ``registry sign``, or ``git commit --amend --no-edit -S`` for a commit.

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
            yield from _check_record_signature(view, change, signers)
        elif kind == "approval" or (change.place.kind == "version" and not change.place.is_draft):
            yield from _check_commit_signature(view, change)


# The field that separates series of evidence of one kind.
_SERIES = {"evaluation": "suite", "scan": "tool"}
# The versions of models in order, by folder: a change may add a thousand to one.
_Orders = dict[str, list[str]]


def _grounds(version: VersionView) -> dict[tuple[str, str], str]:
    """The evidence for a version, in words: signatures, and the suites and tools that it passed."""
    found: dict[tuple[str, str], str] = {}
    for document in version.evidence():
        data: Data = document.data or {}
        kind = text(data, "kind")
        if kind == "signature":
            found[kind, ""] = "a signature"
        elif kind in _SERIES and text(data, "verdict") == "pass":
            name = text(data, _SERIES[kind])
            found[kind, name] = f"a passing {kind} by {name}"
    return found


def _find_followed(model: ModelView, order: list[str], version: str) -> VersionView | None:
    """The version that a new one follows, by the order of its scheme."""
    place = order.index(version)
    return model.version(order[place - 1]) if place else None


def _list_lost(before: VersionView, after: VersionView, *kinds: str) -> list[tuple[str, str]]:
    """Evidence that one version has and another lacks: kind of evidence, and words."""
    had, has = _grounds(before), _grounds(after)
    return [(key[0], words) for key, words in had.items() if key[0] in kinds and key not in has]


def _check_unsigned(
    view: ChangeView, change: Located, place: Place, orders: _Orders
) -> Iterator[Violation]:
    after = find_version(view.head, place)
    if after is None:
        return
    folder = after.model.folder
    if folder not in orders:
        orders[folder] = in_order(after.model)
    followed = _find_followed(after.model, orders[folder], after.version)
    if followed is None or not _list_lost(followed, after, "signature"):
        return
    yield Violation(
        f"{format_name(str(after))} is not signed, but the version before it, {format_name(followed.version)}, is",
        path=change.path,
        place=(1, 1),
        found="no evidence of kind signature",
        expected="a signature in the same change",
        remedy=f"registry sign {format_name(str(after))}",
    )


def _with_less(view: ChangeView, change: Located, place: Place) -> Iterator[Violation]:
    old, new = view.base.document(change.path, place), view.head.document(change.path, place)
    model = None if place.model is None else view.head.model(place.model)
    if old is None or new is None or model is None:
        return
    before, after = (model.version(text(d.data, "version")) for d in (old, new))
    if before is None or after is None or before.version == after.version:
        return
    for kind, words in _list_lost(before, after, "evaluation", "scan", "signature"):
        yield Violation(
            f"alias {format_name(place.name)} moves from {format_name(before.version)} to {format_name(str(after))}, "
            f"which lacks {words}",
            path=change.path,
            at=("version",),
            found=format_name(after.version),
            expected=f"evidence of kind {kind}, as {format_name(before.version)} has",
            remedy=adding(format_name(str(after)), kind),
        )


def no_steps_back(view: ChangeView) -> Iterator[Violation]:
    """A version after a signed one should be signed, and an alias should not move to a version with less evidence.

    The first unsigned version after signed ones may be an oversight, or may come from another author. A suite that the
    current ``production`` passed and the next version did not run may be the one that it would fail. A person decides.

    How to fix: add the evidence with ``registry evidence add`` or ``registry sign``, in this change or in an earlier one.

    Example:
        Versions 1 to 4 have ``evidence/signature.yaml``, and version 5 has none.
    """
    orders: _Orders = {}
    for change in view.changes:
        place = change.place
        if place is None:
            continue
        if place.kind == "version" and change.added and not place.is_draft:
            yield from _check_unsigned(view, change, place, orders)
        elif place.kind == "alias" and change.edited:
            yield from _with_less(view, change, place)


def revised_exists(file: FileView) -> Iterator[Violation]:
    """Evidence that revises other evidence must name a file of the same kind in the same folder.

    Readers use the later evidence in place of the one that it names. A chain of revisions must end.

    How to fix: write the name of the earlier file, without ``.yaml``.

    Example:
        ``revises: 20261120-artifacts-9f2c1a`` in evidence of the kind ``metrics``.
    """
    document, place = file.document, file.location
    if document is None or place is None or place.kind != "evidence":
        return
    kind, name, seen = text(document.data, "kind"), text(document.data, "revises"), {place.name}
    why = ""
    while name and not why:
        path = f"{file.path.rpartition('/')[0]}/{name}.yaml"
        earlier = file.catalog.document(path, place._replace(name=name))
        if name in seen:
            why = f"evidence {format_name(name)} leads back to itself"
        elif earlier is None:
            why = f"evidence {format_name(name)} does not exist"
        elif earlier.data is not None and text(earlier.data, "kind") != kind:
            why = f"evidence {format_name(name)} is of the kind {text(earlier.data, 'kind')}"
        seen.add(name)
        name = "" if earlier is None else text(earlier.data, "revises")
    if why:
        yield Violation(
            f"{why}, so this evidence cannot revise it",
            at=("revises",),
            found=text(document.data, "revises"),
            expected=f"the name of earlier evidence of the kind {kind}",
            remedy="correct `revises`, or delete the line",
        )


RULES = (
    FileRule("F126", "evidence revises evidence that exists", "refuse", revised_exists),
    ModelRule("M216", "a signature is valid for its record", "refuse", signature_is_one),
    ChangeRule(
        "C420", "a new signature is made with a valid key", "refuse", signatures_come_in_valid
    ),
    ChangeRule("C408", "signatures and evidence do not get fewer", "review", no_steps_back),
)
