"""The header of an age file: who can open it, as far as it says so.

It names the kinds of recipients and how many there are, not who they are. Read by hand, within limits, so that a check can
tell a wrap or a payload from anything else without the package that opens it.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final, Literal, NamedTuple

__all__ = [
    "HEADER_LIMIT",
    "Header",
    "NotAgeError",
    "Unarmouring",
    "decode_armour",
    "is_age",
    "is_armoured",
    "read_armour",
    "read_header",
]

HEADER_LIMIT: Final = 128 * 1024
_INTRO: Final = b"age-encryption.org/v1\n"
_STANZA: Final = re.compile(rb"-> ([!-~]+)((?: [!-~]+)*)")
_BODY: Final = re.compile(rb"[A-Za-z0-9+/]*")
_MAC: Final = re.compile(rb"--- ([A-Za-z0-9+/]{43})")
_WIDTH: Final = 64
_BEGIN: Final = b"-----BEGIN AGE ENCRYPTED FILE-----"
_END: Final = b"-----END AGE ENCRYPTED FILE-----"
_ARMOURED: Final = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_BLANKS: Final = b" \t\r\n"
# As the reference implementation: so many may stand before and after the armour.
_MOST_BLANKS: Final = 1024
_SCRYPT: Final = "scrypt"
_WORK: Final = re.compile(r"[1-9][0-9]{0,2}")
_SALT: Final = 16
# Of the recipients that every reader knows: how many bytes their one argument has. https://c2sp.org/age
_ARGUMENTS: Final = {"X25519": 32, "mlkem768x25519": 1120}
# A wrapped file key: 16 bytes and a tag.
_WRAPPED: Final = 32
# Stanzas that say nothing, so that readers get used to unknown ones.
_GREASE: Final = "-grease"


class NotAgeError(ValueError):
    """The bytes are no age file; the message says where they stop being one."""


class Header(NamedTuple):
    """What the header says.

    Attributes:
        stanzas: The kind of each recipient: ``X25519``, ``ssh-ed25519``, ``ssh-rsa``, ``scrypt`` and so on.
        size: Of the header, in bytes; the payload follows.
        work: The logarithm of scrypt's work factor; 0 where no passphrase opens it.
    """

    stanzas: tuple[str, ...]
    size: int
    work: int = 0

    @property
    def is_passphrase(self) -> bool:
        """True where a passphrase opens it."""
        return self.stanzas == (_SCRYPT,)


def is_age(head: bytes) -> bool:
    """True for bytes that begin as an age file."""
    return head.startswith(_INTRO)


def _decode_base64(text: bytes) -> bytes:
    """Base64 without padding, in its one canonical spelling.

    Raises:
        NotAgeError: It is none.
    """
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error as exc:
        raise NotAgeError("a part is not base64") from exc
    if base64.b64encode(data).rstrip(b"=") != text:
        raise NotAgeError("a part is not canonical base64")
    return data


def _body(lines: list[bytes]) -> tuple[bytes, list[bytes]]:
    """The body of a stanza, which ends with the first line that is not full, and what follows on it."""
    for at, line in enumerate(lines):
        if len(line) > _WIDTH or not _BODY.fullmatch(line):
            raise NotAgeError("a recipient is invalid")
        if len(line) < _WIDTH:
            return _decode_base64(b"".join(lines[: at + 1])), lines[at + 1 :]
    raise NotAgeError("it ends too early")


def _work(kind: str, arguments: list[str], body: bytes) -> int:
    """Check a stanza of a kind that every reader knows; scrypt's work factor.

    Raises:
        NotAgeError: No reader takes it.
    """
    if kind in _ARGUMENTS:
        if len(arguments) != 1 or len(_decode_base64(arguments[0].encode())) != _ARGUMENTS[kind]:
            raise NotAgeError(f"a recipient of kind {kind} is invalid")
    elif kind == _SCRYPT:
        fits = len(arguments) == 2 and len(_decode_base64(arguments[0].encode())) == _SALT  # noqa: PLR2004 (salt, work)
        if not fits or not _WORK.fullmatch(arguments[1]):
            raise NotAgeError("a passphrase is invalid")
    else:
        return 0
    if len(body) != _WRAPPED:
        raise NotAgeError(f"a recipient of kind {kind} is invalid")
    return int(arguments[1]) if kind == _SCRYPT else 0


def read_header(data: bytes) -> Header:
    """Read the header.

    Args:
        data: The beginning of the file, or all of it.

    Raises:
        NotAgeError: It is none, or its header is longer than ``HEADER_LIMIT``.
    """
    if not is_age(data):
        raise NotAgeError("it does not begin with age-encryption.org/v1")
    at = data.find(b"\n--- ", 0, HEADER_LIMIT)
    end = data.find(b"\n", at + 1, HEADER_LIMIT) if at >= 0 else -1
    if end < 0:
        raise NotAgeError("its header does not end")
    seal = _MAC.fullmatch(data[at + 1 : end])
    if seal is None:
        raise NotAgeError("its header has no MAC")
    _decode_base64(seal[1])
    lines, stanzas, work = data[len(_INTRO) : at].split(b"\n"), [], 0
    while lines:
        match = _STANZA.fullmatch(lines[0])
        if match is None:
            raise NotAgeError("a recipient is invalid")
        stanzas.append(match[1].decode())
        body, lines = _body(lines[1:])
        work = max(work, _work(stanzas[-1], match[2].decode().split(), body))
    real = tuple(kind for kind in stanzas if not kind.endswith(_GREASE))
    if not real:
        raise NotAgeError("it has no recipient")
    if _SCRYPT in real and len(real) > 1:
        raise NotAgeError("a passphrase must be the only recipient")
    return Header(real, end + 1, work)


def is_armoured(head: bytes) -> bool:
    """True for bytes that begin as an age file in its armour; blanks may come first."""
    return head.lstrip(_BLANKS).startswith(_BEGIN)


class Unarmouring:
    """Takes the armour off a file, piece by piece: strict PEM, with lines that end in LF or CR LF.

    Raises:
        NotAgeError: From ``feed`` and ``close``: it is none.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._state: Literal["before", "inside", "last", "after"] = "before"
        self._blanks = 0

    def feed(self, data: bytes) -> bytes:
        """The bytes that the next piece stands for."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _MOST_BLANKS + _WIDTH:
            raise NotAgeError("a line of its armor is too long")
        return b"".join(self._line(line) for line in lines)

    def close(self) -> bytes:
        """What the last line stands for, which may have no end."""
        found = self._line(self._rest) if self._rest else b""
        if self._state != "after":
            raise NotAgeError("its armor does not end")
        return found

    def _outside(self, line: bytes) -> None:
        self._blanks += len(line) + 1
        if line.strip(_BLANKS) or self._blanks > _MOST_BLANKS:
            raise NotAgeError("the lines BEGIN and END AGE ENCRYPTED FILE are missing")

    def _line(self, line: bytes) -> bytes:
        plain = line.removesuffix(b"\r")
        if self._state == "before" and plain.lstrip(_BLANKS) == _BEGIN:
            self._state, self._blanks = "inside", 0
        elif self._state in {"inside", "last"} and plain.rstrip(_BLANKS) == _END:
            self._state = "after"
        elif self._state == "inside" and 0 < len(plain) <= _WIDTH:
            return self._decode_line(plain)
        elif self._state in {"before", "after"}:
            self._outside(plain)
        else:
            raise NotAgeError("its armor is not wrapped at 64 characters")
        return b""

    def _decode_line(self, line: bytes) -> bytes:
        if not _ARMOURED.fullmatch(line):
            raise NotAgeError("its armor is not base64")
        if len(line) < _WIDTH or line.endswith(b"="):
            self._state = "last"
        data = base64.b64decode(line)
        if base64.b64encode(data) != line:
            raise NotAgeError("its armor is not canonical base64")
        return data


def decode_armour(text: str) -> bytes:
    """The age file that stands in an armour.

    Raises:
        NotAgeError: It is none.
    """
    reader = Unarmouring()
    return reader.feed(text.encode("utf-8", "replace")) + reader.close()


def read_armour(text: str) -> Header:
    """Read the header of an age file in its armour.

    Raises:
        NotAgeError: It is none.
    """
    return read_header(decode_armour(text))
