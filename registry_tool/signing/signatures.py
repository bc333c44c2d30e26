"""SSH signatures of records and of commits: what each is worth, by the keys in ``allowed_signers``.

A signature of a record is evidence: it signs the bytes of ``version.yaml``, which contain every digest. The other fields of the
evidence (``by``, ``at``) are not signed and do not count. A signature of a commit is verified at a time that the caller
gives, where Git would use the commit's own date, which its author chooses. The user's Git settings are ignored.

``allowed_signers`` is in the root of the registry, in the format of OpenSSH. Gates and rules read it from the published state, so that
a change cannot bring its own key; a reader that does not trust the registry passes a file.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from registry_tool.catalog.catalog import Catalog, VersionView
from registry_tool.catalog.evidence import EvidenceItem, pieces
from registry_tool.crypto.allowed_signers import is_timed, list_signer_names, signers_in
from registry_tool.crypto.find_signers import can_verify, find_signers
from registry_tool.crypto.sshsig import NAMESPACE, NotASignatureError, holds, parse
from registry_tool.errors import RefusedError
from registry_tool.git.blame import ContentOrigin, find_origins
from registry_tool.git.command import Git
from registry_tool.git.history import LITERAL, FirstParentHistory
from registry_tool.git.publication import publication_time, to_datetime
from registry_tool.git.tree import Tree
from registry_tool.manifests.data import Data, text
from registry_tool.manifests.document import Document

if TYPE_CHECKING:
    from registry_tool.git.repository import Repository

__all__ = [
    "ALLOWED_SIGNERS",
    "MODEL_SIGNING",
    "SSH",
    "Endorsement",
    "Moment",
    "Signature",
    "SignatureState",
    "allowed_signers",
    "endorsements",
    "judge_commit",
    "judge_signatures",
    "known_since",
    "list_signers",
    "published_signature",
    "require_signature",
    "trouble",
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
        state: ``good``: by a key in ``allowed_signers``; ``unknown key``: valid, by a key that is not listed or not
            valid at that time; ``bad``: of other bytes, or by a key that may not sign commits; ``other``: not an SSH
            signature; ``none``: not signed; ``unchecked``: a certificate, and ``ssh-keygen`` is not installed.
        signer: The name in ``allowed_signers``; only for a good one.
        key: The key's fingerprint; empty when it is unknown.
    """

    state: SignatureState
    signer: str = ""
    key: str = ""


def allowed_signers(catalog: Catalog) -> bytes:
    """The content of the registry's ``allowed_signers``; empty when it has none."""
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


def _judge_commit(signed: _Signed, signers: bytes, moment: dt.datetime) -> Signature:
    """The worth of an SSH signature of a commit at a time."""
    try:
        armour = signed.signatures[0].decode("ascii", "replace")
        signature = parse(armour)
    except NotASignatureError:
        return Signature("bad")
    key = signature.fingerprint
    # Git itself would join several into one that is none.
    if len(signed.signatures) > 1 or signature.namespace != _NAMESPACE:
        return Signature("bad", key=key)
    if holds(signature, signed.payload) is False:
        return Signature("bad", key=key)
    if not can_verify(signature):
        return Signature("unchecked", key=key)
    names = find_signers(armour, signed.payload, signers, moment=moment, namespace=_NAMESPACE)
    if names:
        return Signature("good", names[0], key)
    seconds = int(moment.timestamp())
    known = [
        one for one in signers_in(signers) if one.key == signature.key and one.is_valid(seconds)
    ]
    # A key that is known, and may not sign commits.
    return Signature("bad" if known else "unknown key", key=key)


def judge_commit(
    git: Git, commit: str, signers: bytes, *, moment: dt.datetime | None = None
) -> Signature:
    """What the signature of a commit is worth.

    Args:
        git: The repository.
        commit: The commit's full id.
        signers: The content of ``allowed_signers``.
        moment: When the key must be valid; the commit's own date by default, which its author chose.

    Raises:
        GitError: The commit cannot be read.
    """
    raw = git.run("cat-file", "commit", commit, env=LITERAL)
    signed = _taken_apart(raw, _HEADERS[len(commit) == _SHA256_ID])
    if not signed.signatures:
        return Signature("none")
    if not signed.signatures[0].startswith(_SSH):
        return Signature("other")
    return _judge_commit(signed, signers, moment or to_datetime(signed.when))


def published_signature(
    line: FirstParentHistory, source: ContentOrigin, signers: bytes, *, now: dt.datetime
) -> Signature:
    """What the signature of a commit that gave a published file its content is worth.

    The key must have been valid when the file was published, as the graph says: a commit's own date is its author's word.

    Args:
        line: What was published.
        source: Where the file's content comes from.
        signers: The content of ``allowed_signers``.
        now: The time, in UTC.

    Raises:
        GitError: The history cannot be read.
    """
    moment = publication_time(line, source.step, now) if is_timed(signers) else None
    return judge_commit(line.git, source.origin.commit, signers, moment=moment)


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
    except NotASignatureError as exc:
        return f"it is not an SSH signature: {exc}"
    if signature.namespace != NAMESPACE:
        return f"it was made for {signature.namespace[:64]!a}, not for {NAMESPACE!a}"
    if holds(signature, record) is False:
        return "it does not match these bytes and its key"
    return ""


def _checked_elsewhere(data: Data) -> str:
    """What checks a signature that is no SSH signature of the record; empty for one that is."""
    kind = text(data, "format")
    if kind == MODEL_SIGNING:
        # It is of an artifact's bytes, by a key that only a reader can trust.
        return "of an artifact, which registry verify --public-key checks"
    return "" if kind == SSH and "value" in data else f"of format {kind}, which its own tool checks"


def _judge_item(
    piece: EvidenceItem, record: bytes, signers: bytes, moment: Moment
) -> tuple[Signature, str]:
    data = piece.data
    if not piece.fits:
        return Signature("bad"), "it is about other content"
    if elsewhere := _checked_elsewhere(data):
        return Signature("other"), elsewhere
    if why := trouble(data, record):
        return Signature("bad"), why
    armour = text(data, "value")
    key = parse(armour).fingerprint
    if not can_verify(parse(armour)):
        return Signature("unchecked", key=key), "verifying a certificate requires ssh-keygen"
    published = moment(piece.document) if is_timed(signers) else None
    names = find_signers(armour, record, signers, moment=published)
    if names:
        return Signature("good", names[0], key), ""
    # A bad signature by a certificate is reported as unknown: `ssh-keygen` does not say which it is.
    why = f"by a key that allowed_signers does not list: {key}"
    if list_signer_names(signers, parse(armour).key, namespace=NAMESPACE):
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
        ShallowHistoryError: ``moment`` would need more history than is here.
    """
    record = version.document
    if record is None:
        return
    for piece in pieces(version, "signature"):
        found, why = _judge_item(piece, record.source, signers, moment)
        yield Endorsement(piece.document.path, found, why)


def list_signers(version: VersionView, signers: bytes, *, moment: Moment = _now) -> list[str]:
    """Who signed the record with a key of ``allowed_signers``, as it names them; each once.

    Args:
        version: The version.
        signers: The content of ``allowed_signers``.
        moment: As in ``endorsements``.
    """
    found = endorsements(version, signers, moment=moment)
    return [*dict.fromkeys(e.signature.signer for e in found if e.signature.state == "good")]


def known_since(line: FirstParentHistory, base: Tree, head: Tree, now: dt.datetime) -> Moment:
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
        found = find_origins(line, base, head, [document.path]).get(document.path)
        return now if found is None else publication_time(line, found.step, now)

    return moment


def judge_signatures(
    repository: Repository, version: VersionView, *, signers: bytes | None = None
) -> list[Endorsement]:
    """What each signature of a version's record is worth, by file name.

    Args:
        repository: The registry's repository; its history says since when a signature is there.
        version: The version.
        signers: The content of an ``allowed_signers`` file; the registry's own by default.

    Raises:
        ShallowHistoryError: Keys are valid for some time only, and the clone does not reach back to the signature.
    """
    from registry_tool.git.history import FirstParentHistory

    catalog = version.model.catalog
    allowed = allowed_signers(catalog) if signers is None else signers
    head = repository.git.head()
    if head is None:
        return [*endorsements(version, allowed)]
    line, now = FirstParentHistory(repository.git, head), dt.datetime.now(dt.UTC)
    moment = known_since(line, repository.tree(head), catalog.tree, now)
    return [*endorsements(version, allowed, moment=moment)]


def _remedy(version: VersionView, found: list[Endorsement]) -> str:
    if any(one.signature.state == "unchecked" for one in found):
        return "install the OpenSSH client, 8.2 or newer"
    return f"sign it with a key of {ALLOWED_SIGNERS}: registry sign {version}"


def require_signature(
    repository: Repository, version: VersionView, *, signers: bytes | None = None
) -> list[str]:
    """Who signed a version's record with an allowed key, each once.

    Args:
        repository: As in ``judge_signatures``.
        version: As in ``judge_signatures``.
        signers: As in ``judge_signatures``.

    Raises:
        RefusedError: Nobody did.
        ShallowHistoryError: As in ``judge_signatures``.
    """
    found = judge_signatures(repository, version, signers=signers)
    good = [one.signature.signer for one in found if one.signature.state == "good"]
    if good:
        return [*dict.fromkeys(good)]
    whys = "".join(f"; {one.path.rpartition('/')[2]}: {one.why}" for one in found[:3])
    raise RefusedError(
        f"{version} has no signature by an allowed signer{whys}", remedy=_remedy(version, found)
    )
