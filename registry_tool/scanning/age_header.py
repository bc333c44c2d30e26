"""The header of an age file: who can open it, as far as it says so.

It names the kinds of recipients and how many there are, not who they are. Read by hand, within limits, so that a check can
tell a wrap or a payload from anything else without the package that opens it.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final, NamedTuple

__all__ = ["HEADER_LIMIT", "Header", "NotAge", "is_age", "read_armour", "read_header"]

HEADER_LIMIT: Final = 128 * 1024
_INTRO: Final = b"age-encryption.org/v1\n"
_STANZA: Final = re.compile(rb"-> ([!-~]+)((?: [!-~]+)*)")
_BODY: Final = re.compile(rb"[A-Za-z0-9+/]*")
_MAC: Final = re.compile(rb"--- [A-Za-z0-9+/]{43}")
_WIDTH: Final = 64
_ARMOUR: Final = re.compile(
    r"-----BEGIN AGE ENCRYPTED FILE-----\n([A-Za-z0-9+/=\n]+)-----END AGE ENCRYPTED FILE-----\n?"
)
_SCRYPT: Final = "scrypt"
# Stanzas that say nothing, so that readers get used to unknown ones.
_GREASE: Final = "-grease"


class NotAge(ValueError):
    """The bytes are no age file; the message says where they stop being one."""


class Header(NamedTuple):
    """What the header says.

    Attributes:
        stanzas: The kind of each recipient: ``X25519``, ``ssh-ed25519``, ``ssh-rsa``, ``scrypt`` and so on.
        size: Of the header, in bytes; the payload follows.
    """

    stanzas: tuple[str, ...]
    size: int

    @property
    def is_passphrase(self) -> bool:
        """True where a passphrase opens it."""
        return self.stanzas == (_SCRYPT,)


def is_age(head: bytes) -> bool:
    """True for bytes that begin as an age file."""
    return head.startswith(_INTRO)


def _body(lines: list[bytes]) -> list[bytes]:
    """What follows on the body of a stanza, which ends with the first line that is not full."""
    for at, line in enumerate(lines):
        if len(line) > _WIDTH or not _BODY.fullmatch(line):
            raise NotAge("a recipient in it is broken")
        if len(line) < _WIDTH:
            return lines[at + 1 :]
    raise NotAge("it ends too early")


def read_header(data: bytes) -> Header:
    """Read the header.

    Args:
        data: The beginning of the file, or all of it.

    Raises:
        NotAge: It is none, or its header is longer than ``HEADER_LIMIT``.
    """
    if not is_age(data):
        raise NotAge("it does not begin with age-encryption.org/v1")
    at = data.find(b"\n--- ", 0, HEADER_LIMIT)
    end = data.find(b"\n", at + 1, HEADER_LIMIT) if at >= 0 else -1
    if end < 0:
        raise NotAge("its header does not end")
    if not _MAC.fullmatch(data[at + 1 : end]):
        raise NotAge("its header has no seal")
    lines, stanzas = data[len(_INTRO) : at].split(b"\n"), []
    while lines:
        match = _STANZA.fullmatch(lines[0])
        if match is None:
            raise NotAge("a recipient in it is broken")
        stanzas.append(match[1].decode())
        lines = _body(lines[1:])
    real = tuple(kind for kind in stanzas if not kind.endswith(_GREASE))
    if not real:
        raise NotAge("it has no recipient")
    if _SCRYPT in real and len(real) > 1:
        raise NotAge("a passphrase in it has company, which age refuses")
    return Header(real, end + 1)


def read_armour(text: str) -> Header:
    """Read the header of an age file in its armour.

    Raises:
        NotAge: It is none.
    """
    match = _ARMOUR.fullmatch(text)
    if match is None:
        raise NotAge("it does not stand between the lines BEGIN and END AGE ENCRYPTED FILE")
    try:
        data = base64.b64decode(match[1].replace("\n", ""), validate=True)
    except binascii.Error as exc:
        raise NotAge("it is not Base64") from exc
    return read_header(data)
