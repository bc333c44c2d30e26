"""The keys of an OpenID Connect issuer: found by discovery, kept, and fetched again when it rotates them.

https://openid.net/specs/openid-connect-discovery-1_0.html. Whoever can reach the server can send tokens with unknown key
ids, so at most one fetch begins in ten seconds, all requests that need it share it, and none waits in the event loop.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry_tool.access.outgoing_requests import (
    IpAddress,
    OutgoingUrl,
    is_loopback,
    is_public,
    parse_url,
    send_request,
)
from registry_tool.errors import OperationalError, RegistryError

if TYPE_CHECKING:
    from joserfc.jwk import Key

__all__ = ["ALGORITHMS", "IssuerKeys", "IssuerUnavailableError", "SigningKey", "fetch_keys"]

ALGORITHMS: Final[Mapping[str, tuple[str, str]]] = {
    **{f"{family}{bits}": ("RSA", "") for family in ("RS", "PS") for bits in (256, 384, 512)},
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
"""The algorithms of signatures that are accepted, with the type and the curve of their keys; no ``none``, nothing symmetric."""

_DOCUMENT: Final = "/.well-known/openid-configuration"
_LIMIT: Final = 256 << 10
_SECONDS: Final = 5.0
_MOST_KEYS: Final = 64
_SHORTEST_RSA: Final = (
    341  # digits of a modulus of 2048 bits in base64; below that, a signature can be forged
)
_PUBLIC: Final = frozenset({"kty", "crv", "x", "y", "n", "e"})
_PAUSE: Final = 10.0  # seconds between the beginnings of two fetches
_FRESH: Final = 600.0  # after that, keys are fetched again, and those at hand are used meanwhile
_STALE: Final = 86_400.0  # after that, keys that could not be fetched again are not used


class IssuerUnavailableError(OperationalError):
    """The issuer cannot be reached, so a token of it can be neither accepted nor refused."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One public key.

    Attributes:
        kid: Its id; empty where it has none.
        algorithm: The only algorithm that it is for; empty for every one that fits.
        kind: The type and the curve, as in ``ALGORITHMS``.
        key: The key.
    """

    kid: str
    algorithm: str
    kind: tuple[str, str]
    key: Key

    def fits(self, algorithm: str, kid: str) -> bool:
        """True when a token with this header may be signed by it."""
        return (
            ALGORITHMS.get(algorithm) == self.kind
            and self.algorithm in {"", algorithm}
            and (not kid or kid == self.kid)
        )


def _get(url: OutgoingUrl, accepts: Callable[[IpAddress], bool]) -> dict[str, object]:
    shown = f"{url.scheme}://{url.authority}{url.target}"
    reply = send_request("GET", url, accepts=accepts, seconds=_SECONDS, limit=_LIMIT)
    if reply.status != 200:  # noqa: PLR2004 (a redirect is not followed)
        raise OperationalError(f"{shown} answered with status {reply.status}")
    if reply.is_cut:
        raise OperationalError(f"{shown} is larger than {_LIMIT >> 10} KiB")
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError) as exc:
        raise OperationalError(f"{shown} is not JSON") from exc
    if not isinstance(found, dict):
        raise OperationalError(f"{shown} is not a JSON object")
    return found


def _judge(issuer: OutgoingUrl, url: OutgoingUrl) -> Callable[[IpAddress], bool]:
    """Which addresses a document of an issuer may be read from: the operator named the issuer's host, and no other one."""
    if url.scheme == "http":
        return is_loopback
    return (lambda _: True) if url.host == issuer.host else is_public


def fetch_keys(issuer: str) -> list[SigningKey]:
    """The keys that an issuer signs with now.

    Raises:
        OperationalError: It cannot be reached, or answers something else.
        UsageError: An address is not one.
    """
    home = parse_url(issuer)
    document = _get(parse_url(f"{issuer.rstrip('/')}{_DOCUMENT}"), _judge(home, home))
    if document.get("issuer") != issuer:
        raise OperationalError(
            f"the document of {issuer} is that of the issuer {str(document.get('issuer'))[:200]!a}",
            remedy="pass --oidc-issuer exactly as the issuer writes it",
        )
    place = parse_url(str(document.get("jwks_uri")))
    if place.scheme == "http" and home.scheme == "https":
        raise OperationalError(f"{issuer} names keys at an address without TLS")
    keys = _get(place, _judge(home, place)).get("keys")
    found = [_read_key(one) for one in keys[:_MOST_KEYS]] if isinstance(keys, list) else []
    return [one for one in found if one is not None]


def _read_key(data: object) -> SigningKey | None:
    """A key for signatures; None for any other key, and for one that cannot be read."""
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    if not isinstance(data, dict) or data.get("use", "sig") != "sig":
        return None
    curve = data.get("crv") if data.get("kty") != "RSA" else ""
    kind = (str(data.get("kty")), str(curve))
    if kind not in ALGORITHMS.values():
        return None
    public: dict[str, str | list[str]] = {
        k: v for k, v in data.items() if k in _PUBLIC and isinstance(v, str)
    }
    if kind[0] == "RSA" and len(_text(public, "n")) < _SHORTEST_RSA:
        return None
    try:
        key = import_key(public)
    except (JoseError, ValueError, TypeError):
        return None
    return SigningKey(_text(data, "kid"), _text(data, "alg"), kind, key)


def _text(data: Mapping[str, object], name: str) -> str:
    found = data.get(name)
    return found if isinstance(found, str) else ""


class IssuerKeys:
    """The keys of an issuer; safe for threads.

    Args:
        fetch: Gives the keys of now; may take seconds, and raises a RegistryError where there are none.
        notify: Receives a line when fetching begins to fail, and when it succeeds again.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        fetch: Callable[[], list[SigningKey]],
        *,
        notify: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._notify = notify
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: Sequence[SigningKey] = ()
        self._fetched = float("-inf")
        self._tried = float("-inf")
        self._failure = ""
        self._running: Future[None] | None = None

    @property
    def failure(self) -> str:
        """Why the last fetch failed; empty where it did not."""
        return self._failure

    def find(self, algorithm: str, kid: str) -> list[SigningKey]:
        """The keys that may have signed a token with this header; none where the issuer has no such key.

        Raises:
            IssuerUnavailableError: That is not known, because the issuer cannot be reached.
        """
        with self._lock:
            is_stale = self._clock() - self._fetched > _STALE
            found = [] if is_stale else [key for key in self._keys if key.fits(algorithm, kid)]
            if not found and (is_stale or self._failure):
                raise IssuerUnavailableError(
                    "the issuer of the token cannot be reached", remedy="try again later"
                )
            return found

    def pending(self, algorithm: str, kid: str) -> Future[None] | None:
        """A running fetch that a token with this header should wait for, begun if it is time for one; None for none."""
        with self._lock:
            now = self._clock()
            age = now - self._fetched
            is_known = age <= _STALE and any(key.fits(algorithm, kid) for key in self._keys)
            wants = not is_known or age > _FRESH
            if wants and self._running is None and now - self._tried >= _PAUSE:
                self._begin(now)
            return None if is_known else self._running

    def _begin(self, now: float) -> None:
        self._tried = now
        self._running = Future()
        threading.Thread(target=self._refresh, name="keys of the issuer", daemon=True).start()

    def _refresh(self) -> None:
        keys, failure = None, "the fetch ended with an error"
        try:
            keys, failure = self._fetch(), ""
        except RegistryError as exc:
            failure = exc.message
        finally:
            self._end(keys, failure)

    def _end(self, keys: list[SigningKey] | None, failure: str) -> None:
        with self._lock:
            before, self._failure = self._failure, failure
            if keys is not None:
                self._keys, self._fetched = keys, self._clock()
            running, self._running = self._running, None
        if failure and not before:
            self._notify(f"the keys of the issuer cannot be fetched: {failure}")
        elif before and not failure:
            self._notify("the keys of the issuer were fetched")
        if running is not None:
            running.set_result(None)
