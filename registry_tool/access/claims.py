"""From the claims of a verified token to a subject: who it is, and what the rules of the operator grant.

Rules are lines of the token file, which belongs to the operator and is outside the registry: a pull request cannot give its
author rights (docs/decisions/0055).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from registry_tool.access.subjects import Grant, Subject
from registry_tool.errors import UsageError

__all__ = ["ClaimRule", "build_subject", "find_claim", "split_rule"]

_ANY: Final = "*"
_LONGEST: Final = 256
_MOST_VALUES: Final = 1000  # of one claim; a directory may put a user into hundreds of groups
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}")
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_DROPPED_AT_ENDS: Final = " .,:;\"'\\"  # by Git, from the name of an author


@dataclass(frozen=True, slots=True)
class ClaimRule:
    """What tokens with a claim may do.

    Attributes:
        claim: The name of the claim; for one inside another, both with a dot: ``realm_access.roles``.
        value: Its value, or one of its values; ``*`` for any.
        grants: What it allows.
        created: When the rule was made, UTC.
    """

    claim: str
    value: str
    grants: tuple[Grant, ...]
    created: dt.datetime

    def __str__(self) -> str:
        return f"{self.claim}={self.value}"

    def covers(self, claims: Mapping[str, object]) -> bool:
        """True for the claims of a token to which it applies."""
        found = find_claim(claims, self.claim)
        values = found[:_MOST_VALUES] if isinstance(found, list) else [found]
        texts = {_text(value) for value in values} - {""}
        return bool(texts) if self.value == _ANY else self.value in texts


def split_rule(written: str) -> tuple[str, str]:
    """The claim and the value of a rule such as ``groups=nlp-team``.

    Raises:
        UsageError: It is not of that form.
    """
    claim, equals, value = written.partition("=")
    is_short = len(written) <= _LONGEST and written.isprintable()
    if not (claim and equals and value and is_short) or claim != claim.strip():
        raise UsageError(
            f"{written[:_LONGEST]!a} is not a claim with a value", remedy="write groups=nlp-team"
        )
    return claim, value


def find_claim(claims: Mapping[str, object], name: str) -> object:
    """The value of a claim by its name, or by the names of those around it with dots; None where there is none."""
    if name in claims:
        return claims[name]
    outer, dot, inner = name.partition(".")
    found = claims.get(outer) if dot else None
    return find_claim(found, inner) if isinstance(found, dict) else None


def _text(value: object) -> str:
    """A value as a rule names it; empty for one that no rule can name."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else ""


def _printable(text: str) -> str:
    """A text without what Git and terminals do not show as it is."""
    plain = "".join(c for c in text[:_LONGEST] if c.isprintable() and c not in "<>")
    return " ".join(plain.split()).strip(_DROPPED_AT_ENDS)


def _address(claims: Mapping[str, object], claim: str) -> str:
    """The author's address: only one that the issuer has verified, unless the operator named the claim."""
    found = find_claim(claims, claim or "email")
    if not isinstance(found, str) or not _ADDRESS.fullmatch(found):
        return ""
    is_verified = claims.get("email_verified") in (True, "true")
    return found if claim or is_verified else ""


def build_subject(
    claims: Mapping[str, object], rules: Iterable[ClaimRule], *, email_claim: str = ""
) -> Subject:
    """The subject of a verified token.

    An address that the issuer has not verified could be anyone's, and commits would be in that person's name. Without a
    verified one the address is made from the token's ``sub``, at a host of the issuer, so that it is no other person's.

    Args:
        claims: The claims; ``iss`` and ``sub`` are texts.
        rules: What tokens are granted.
        email_claim: The claim that has the address and is trusted as it is; empty for ``email`` with ``email_verified``.
    """
    identity = str(claims["sub"])
    host = urlsplit(str(claims["iss"])).hostname or "localhost"
    digest = hashlib.sha256(identity.encode(errors="surrogatepass")).hexdigest()[:24]
    own = identity.lower() if _PLAIN.fullmatch(identity) else digest
    address = _address(claims, email_claim)
    named = (claims.get("name"), claims.get("preferred_username"), identity)
    shown = (_printable(name) for name in named if isinstance(name, str))
    grants = tuple(dict.fromkeys(g for rule in rules if rule.covers(claims) for g in rule.grants))
    return Subject(
        next(filter(None, shown), own),
        address or f"{own}@noreply.{host}",
        "user" if address else "service",
        grants,
    )
