"""Tokens that an OpenID Connect issuer has signed: ID tokens, and access tokens in the form of RFC 9068.

The algorithm is taken from a fixed list and must fit the type of the key, so a public key is never the secret of an HMAC
(RFC 8725). What a token says about where its key is (``jku``, ``jwk``, ``x5u``) is ignored.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

from registry_tool.access.claims import ClaimRule, build_subject
from registry_tool.access.issuer_keys import ALGORITHMS, IssuerKeys, SigningKey, fetch_keys
from registry_tool.access.outgoing_requests import is_loopback, parse_url, resolve_host
from registry_tool.access.subjects import Subject
from registry_tool.errors import UsageError

__all__ = ["OidcIssuer", "OidcSettings", "check_settings", "open_issuer"]

_COMPACT: Final = re.compile(r"[\w-]{2,4096}\.[\w-]{2,16384}\.[\w-]{2,2048}", re.ASCII)
_TYPES: Final = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})
_LEEWAY: Final = 60  # seconds by which clocks may differ
_LONGEST_KID: Final = 512
_START_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """Whose tokens are accepted.

    Attributes:
        issuer: The address of the issuer, exactly as in its tokens.
        audiences: A token must be for one of them.
        email_claim: The claim with the author's address, trusted as it is; empty for ``email`` where the issuer verified it.
    """

    issuer: str
    audiences: tuple[str, ...]
    email_claim: str = ""


class _Header(NamedTuple):
    """What the head of a token says, before anything is verified."""

    algorithm: str
    kid: str


def check_settings(settings: OidcSettings) -> None:
    """Check that the settings can be used.

    Raises:
        UsageError: The issuer is not an HTTPS address (HTTP is enough on this machine), or there is no audience.
        OutgoingRequestError: The issuer has no TLS, and its name cannot be resolved.
        ModuleNotFoundError: The extra ``serve-oidc`` is not installed.
    """
    import joserfc  # noqa: F401 (said before the server starts, not when a token comes)

    url = parse_url(settings.issuer)
    if url.scheme == "http" and not all(map(is_loopback, resolve_host(url, lambda _: True))):
        raise UsageError(
            f"the issuer {settings.issuer} has no TLS", remedy="use an address with https://"
        )
    if not settings.audiences or not all(settings.audiences):
        raise UsageError(
            "--oidc-issuer needs --oidc-audience",
            remedy="name the client id that the issuer has for this server: --oidc-audience registry",
        )


def _read_header(token: str) -> _Header | None:
    """The head of a token; None for what this server does not accept, whatever key it is signed with."""
    if not _COMPACT.fullmatch(token):
        return None
    head = token.partition(".")[0]
    try:
        found = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    algorithm, kid, kind = found.get("alg"), found.get("kid", ""), found.get("typ", "")
    if not (isinstance(algorithm, str) and isinstance(kid, str) and isinstance(kind, str)):
        return None
    if algorithm not in ALGORITHMS or kind.lower() not in _TYPES or len(kid) > _LONGEST_KID:
        return None
    return _Header(algorithm, kid)


class OidcIssuer:
    """Turns the tokens of one issuer into subjects.

    Args:
        settings: Whose tokens are accepted.
        keys: The keys of the issuer.
        rules: Gives what tokens are granted; asked for each token.
        now: The present, in seconds since 1970.
    """

    def __init__(
        self,
        settings: OidcSettings,
        keys: IssuerKeys,
        rules: Callable[[], Sequence[ClaimRule]],
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        from joserfc.errors import SecurityWarning
        from joserfc.jwt import JWTClaimsRegistry

        # Issuers still write the name that RFC 9864 replaced; the curve of the key is checked here.
        warnings.filterwarnings("ignore", "EdDSA is deprecated", SecurityWarning)
        self._settings = settings
        self._keys = keys
        self._rules = rules
        self._claims = JWTClaimsRegistry(
            now=lambda: int(now()),
            leeway=_LEEWAY,
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "values": [*settings.audiences]},
            exp={"essential": True},
            sub={"essential": True},
        )

    def pending(self, token: str) -> Future[None] | None:
        """See ``Issuer``."""
        header = _read_header(token)
        return None if header is None else self._keys.pending(*header)

    def subject(self, token: str) -> Subject | None:
        """See ``Issuer``.

        Raises:
            IssuerUnavailableError: The issuer cannot be reached, and its keys are not known.
        """
        header = _read_header(token)
        if header is None:
            return None
        for key in self._keys.find(*header):
            claims = self._verify(token, header.algorithm, key)
            if claims is not None:
                email = self._settings.email_claim
                return build_subject(claims, self._rules(), email_claim=email)
        return None

    def _verify(self, token: str, algorithm: str, key: SigningKey) -> dict[str, object] | None:
        """The claims of a token that a key has signed and that is valid now; None for every other one."""
        from joserfc.errors import JoseError
        from joserfc.jws import JWSRegistry
        from joserfc.jwt import decode

        registry = JWSRegistry(algorithms=[algorithm], strict_check_header=False)
        registry.max_header_length = registry.max_signature_length = 4096
        try:
            found = decode(token, key.key, algorithms=[algorithm], registry=registry)
            self._claims.validate(found.claims)
        except (JoseError, ValueError, RecursionError):
            return None
        return found.claims


def open_issuer(
    settings: OidcSettings,
    rules: Callable[[], Sequence[ClaimRule]],
    *,
    notify: Callable[[str], None],
) -> OidcIssuer:
    """An issuer whose keys are fetched now; where it cannot be reached, they are fetched when a token needs them.

    Args:
        settings: Whose tokens are accepted.
        rules: Gives what tokens are granted.
        notify: Receives a line when the issuer cannot be reached.

    Raises:
        UsageError: The settings cannot be used.
    """
    check_settings(settings)
    keys = IssuerKeys(partial(fetch_keys, settings.issuer), notify=notify)
    started = keys.pending("", "")
    if started is not None:
        started.result(_START_SECONDS)
    return OidcIssuer(settings, keys, rules)
