"""Signed addresses: what a client may do with one object, without a token, until a moment.

An address is a grant in JSON and its HMAC-SHA256, both in base64url. The key is derived from this user's secret in the state
folder (0600), so addresses stay valid when the server starts again, and no other user can make one. A grant to write is for
one use: used ones are written to a file next to the key before the write is answered, so that a restart forgets none.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from registry_tool.errors import ForbiddenError, OperationalError
from registry_tool.paths import own_key, state_folder

__all__ = ["Grant", "Operation", "Signer", "UsedGrants"]

Operation = Literal["read", "write", "part", "finish"]
"""``read``; ``write``: a whole file, once; ``part``: one part of a file, once; ``finish``: join the parts, once."""

_PURPOSE: Final = b"registry-tool: signed addresses of registry serve"
_LONGEST: Final = 8 << 10
_SECONDS: Final = 3600
_FILE: Final = "used-addresses"
_FOLDER: Final = "serve"


def _now() -> int:
    return int(time.time())


@dataclass(frozen=True, slots=True)
class Grant:
    """What an address allows.

    Attributes:
        api: The protocol.
        operation: What may be done.
        target: With which object; in the words of the protocol.
        name: The name of who asked for the address: the author of what is written.
        email: Their address.
        expires: Until when, in seconds since 1970.
        length: The exact number of bytes that may be written; None for any.
        nonce: Makes two equal grants two.
    """

    api: str
    operation: Operation
    target: str
    name: str
    email: str
    expires: int
    length: int | None = None
    nonce: str = ""


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


class Signer:
    """Makes and checks signed addresses.

    Args:
        key: The secret; that of this user by default.
        clock: Gives the seconds since 1970.
    """

    def __init__(self, key: bytes | None = None, *, clock: Callable[[], int] = _now) -> None:
        secret = own_key() if key is None else key
        self._key = hmac.digest(secret, _PURPOSE, hashlib.sha256)
        self._clock = clock

    def sign(
        self, api: str, operation: Operation, target: str, *, name: str, email: str,
        length: int | None = None, seconds: int = _SECONDS,
    ) -> str:  # fmt: skip
        """The last part of an address that allows something.

        Args:
            api: As in ``Grant``.
            operation: Likewise.
            target: Likewise.
            name: Likewise.
            email: Likewise.
            length: Likewise.
            seconds: How long it is valid.
        """
        expires = self._clock() + seconds
        nonce = "" if operation == "read" else secrets.token_urlsafe(12)
        grant = Grant(api, operation, target, name, email, expires, length, nonce)
        body = json.dumps(asdict(grant), separators=(",", ":")).encode()
        return f"{_encode(body)}.{_encode(self._digest(body))}"

    def _digest(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, hashlib.sha256)

    def verify(self, text: str, api: str, *operations: Operation) -> Grant:
        """What an address allows.

        Args:
            text: The last part of the address.
            api: The protocol that it is used with.
            operations: What it is used for.

        Raises:
            ForbiddenError: It was not signed here, is for something else, or is not valid any more.
        """
        head, _, tail = text.partition(".")
        try:
            body, digest = _decode(head), _decode(tail)
        except (binascii.Error, ValueError):
            body, digest = b"", b""
        is_signed = len(text) <= _LONGEST and hmac.compare_digest(digest, self._digest(body))
        grant = Grant(**json.loads(body)) if is_signed else None
        if grant is None or grant.api != api or grant.operation not in operations:
            raise ForbiddenError("the signature of this address is not valid here")
        if grant.expires <= self._clock():
            raise ForbiddenError("this address has expired; request another one")
        return grant


class UsedGrants:
    """Grants that were used; one at a time, and each once.

    Args:
        path: The file that keeps them between runs; in the state folder by default.
        clock: Gives the seconds since 1970.
    """

    def __init__(self, path: Path | None = None, *, clock: Callable[[], int] = _now) -> None:
        self._path = path or state_folder() / _FOLDER / _FILE
        self._clock = clock
        self._lock = threading.Lock()
        self._used: dict[str, int] = {}
        self._size = -1
        self._busy: set[str] = set()

    @contextmanager
    def use(self, grant: Grant) -> Iterator[None]:
        """Use a grant; where the block fails, it can be used again.

        Raises:
            ForbiddenError: It was used, or is being used.
            OperationalError: The file cannot be written.
        """
        with self._lock:
            if grant.nonce in self._busy or grant.nonce in self._load():
                raise ForbiddenError("this address was used already; request another one")
            self._busy.add(grant.nonce)
        try:
            yield
            self._record(grant)
        finally:
            with self._lock:
                self._busy.discard(grant.nonce)

    def _load(self) -> dict[str, int]:
        """Those that have not expired, also of other servers of this user; the first look leaves the others out of the file."""
        size = self._measure()
        if size == self._size:
            return self._used
        is_first, lines = self._size < 0, self._read()
        self._size = size
        for line in lines:
            moment, _, nonce = line.partition(" ")
            if moment.isdecimal() and int(moment) > self._clock():
                self._used[nonce] = int(moment)
        if is_first and len(lines) > len(self._used):
            self._rewrite(self._used)
        return self._used

    def _measure(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0
        except OSError as exc:
            raise OperationalError(f"cannot read {self._path}: {exc.strerror}") from exc

    def _read(self) -> list[str]:
        try:
            return self._path.read_text(encoding="ascii", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise OperationalError(f"cannot read {self._path}: {exc.strerror}") from exc

    def _rewrite(self, used: dict[str, int]) -> None:
        shorter = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        with suppress(OSError):  # it is only shorter
            handle = os.open(shorter, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write("".join(f"{when} {nonce}\n" for nonce, when in used.items()).encode())
                file.flush()
                os.fsync(file.fileno())
            shorter.replace(self._path)

    def _record(self, grant: Grant) -> None:
        with self._lock:
            used = self._load()
            used[grant.nonce] = grant.expires
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                with os.fdopen(handle, "ab") as file:
                    file.write(f"{grant.expires} {grant.nonce}\n".encode())
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as exc:
                raise OperationalError(f"cannot write {self._path}: {exc.strerror}") from exc
