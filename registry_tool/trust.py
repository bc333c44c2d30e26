"""Whose signatures a version has: asked by programs before they use its bytes.

The keys are those of ``allowed_signers`` in the state of the registry that is read; a reader who does not trust the
place it was cloned from brings a file of their own.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from registry_tool.errors import Refused
from registry_tool.promotion.endorsements import Endorsement, endorsements, known_since
from registry_tool.promotion.signatures import ALLOWED_SIGNERS, allowed_signers

if TYPE_CHECKING:
    from registry_tool.catalog.index import VersionView
    from registry_tool.git.repository import Repository

__all__ = ["require_signature", "signatures"]


def signatures(
    repository: Repository, version: VersionView, *, signers: bytes | None = None
) -> list[Endorsement]:
    """What each signature of a version's record is worth, by file name.

    Args:
        repository: The registry's repository; its history says since when a signature is there.
        version: The version.
        signers: The content of an ``allowed_signers`` file; the registry's own by default.

    Raises:
        ShallowHistory: Keys are valid for some time only, and the clone does not reach back to the signature.
    """
    from registry_tool.git.line import Line

    catalog = version.model.catalog
    allowed = allowed_signers(catalog) if signers is None else signers
    head = repository.git.head()
    if head is None:
        return [*endorsements(version, allowed)]
    line, now = Line(repository.git, head), dt.datetime.now(dt.UTC)
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
        repository: As in ``signatures``.
        version: As in ``signatures``.
        signers: As in ``signatures``.

    Raises:
        Refused: Nobody did.
        ShallowHistory: As in ``signatures``.
    """
    found = signatures(repository, version, signers=signers)
    good = [one.signature.signer for one in found if one.signature.state == "good"]
    if good:
        return [*dict.fromkeys(good)]
    whys = "".join(f"; {one.path.rpartition('/')[2]}: {one.why}" for one in found[:3])
    raise Refused(
        f"{version} has no signature by an allowed signer{whys}", remedy=_remedy(version, found)
    )
