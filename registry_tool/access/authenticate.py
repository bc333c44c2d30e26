"""From the headers of a request to its subject."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final, Protocol

from registry_tool.access.packed_tokens import unpack_token
from registry_tool.access.subjects import ALL_SCOPES, Grant, Subject
from registry_tool.access.tokens import Token, TokenFile
from registry_tool.errors import ForbiddenError, OperationalError, UnauthenticatedError

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["Authenticator", "Issuer", "local_subject"]

_LONGEST: Final = 16 << 10  # of a header; a JWT with many groups has a few KiB
# What clients require in front of a token, or read it as another kind: TrueFoundry's takes any other for a JWT.
_MARKS: Final = ("tfy_",)


class Issuer(Protocol):
    """An issuer of signed tokens, such as an OpenID Connect provider."""

    def subject(self, token: str) -> Subject | None:
        """The subject of a token that it issued and that is valid now; None for every other text.

        Raises:
            OperationalError: Whether it is valid cannot be found out now.
        """
        ...

    def pending(self, token: str) -> Future[None] | None:
        """What has to end before ``subject`` knows all about a token; None for nothing. Many may wait for one future."""
        ...


def local_subject(name: str, email: str) -> Subject:
    """The user of this machine, who may do everything: who makes the requests of a server without tokens."""
    return Subject(name, email, "user", tuple(Grant(scope) for scope in ALL_SCOPES))


def _read_token(authorization: str) -> str:
    """The token of a header; empty for none."""
    scheme, _, value = authorization[:_LONGEST].partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    return _basic_password(value.strip()) if scheme.lower() == "basic" else ""


def _basic_password(encoded: str) -> str:
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return text.partition(":")[2]


class Authenticator:
    """Finds the subject of a request.

    Args:
        tokens: The tokens of the server; None where it has none.
        anonymous: The subject of requests without a token; None where each needs one.
        issuer: Accepts tokens that are not in the file.
    """

    def __init__(
        self,
        tokens: TokenFile | None = None,
        *,
        anonymous: Subject | None = None,
        issuer: Issuer | None = None,
    ) -> None:
        self._tokens = tokens
        self._issuer = issuer
        self.anonymous = anonymous
        create = "create one: registry serve token add NAME"
        self._remedy = f"get one from the issuer, or {create}" if issuer is not None else create

    def subject(self, authorization: str) -> Subject:
        """The subject of a request with this ``Authorization`` header: ``Bearer TOKEN``, or ``Basic``, whose password is the token.

        Raises:
            UnauthenticatedError: There is no token and one is needed, or it is not valid.
            ForbiddenError: It is valid, and nothing is granted to it.
            OperationalError: Whether it is valid cannot be found out now.
        """
        return self.find_subject(_read_token(authorization))

    def pending(self, authorization: str) -> Future[None] | None:
        """What a server has to wait for, without blocking others, before it asks for the subject; None for nothing."""
        if self._issuer is None or self.anonymous is not None:
            return None
        token = _read_token(authorization)
        try:
            is_known = self._find(token) is not None
        except OperationalError:  # `subject` says so
            return None
        return None if is_known else self._issuer.pending(token)

    async def wait(self, authorization: str) -> None:
        """Wait for ``pending``; called in an event loop before ``subject``."""
        waiting = self.pending(authorization)
        if waiting is not None:
            import asyncio

            # Others wait for it too, so a client that goes does not end it.
            await asyncio.shield(asyncio.wrap_future(waiting))

    def _find(self, token: str) -> Token | None:
        if self._tokens is None:
            return None
        bare = next((token.removeprefix(mark) for mark in _MARKS if token.startswith(mark)), "")
        bare = bare or unpack_token(token)
        return self._tokens.find(token) or (self._tokens.find(bare) if bare else None)

    def find_subject(self, token: str) -> Subject:
        """The subject of a token; empty for none. ``tfy_`` in front of it counts as nothing, and so do MLSteam's two parts.

        Raises:
            UnauthenticatedError: There is no token and one is needed, or it is not valid.
            ForbiddenError: It is valid, and nothing is granted to it.
            OperationalError: Whether it is valid cannot be found out now.
        """
        if self.anonymous is not None:
            return self.anonymous
        if not token:
            raise UnauthenticatedError("this server requires a token", remedy=self._remedy)
        found = self._find(token)
        if found is not None:
            return found.subject
        issued = None if self._issuer is None else self._issuer.subject(token)
        if issued is None:
            raise UnauthenticatedError("the token is unknown or has expired", remedy=self._remedy)
        if not issued.grants:
            raise ForbiddenError(
                f"{issued.name} <{issued.email}> has no scopes on this server",
                remedy="ask its operator for: registry serve grant add CLAIM=VALUE --scope read",
            )
        return issued
