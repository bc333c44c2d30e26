"""The file ``allowed_signers``: the names of each key, the purposes and the times for which it may sign.

The format is OpenSSH's, ``ssh-keygen(1)``, ALLOWED SIGNERS: pattern lists with negation, ``namespaces``, ``valid-after`` and
``valid-before``. Times without a zone are UTC, so that every machine gives the same answer. A test compares this with
``ssh-keygen -Y verify``.
"""

from __future__ import annotations

import base64
import binascii
import calendar
import re
import time
from collections.abc import Iterator
from typing import Final, NamedTuple

__all__ = [
    "Signer",
    "is_pattern",
    "is_timed",
    "list_signer_names",
    "matches_pattern_list",
    "signers_in",
]

# Options that limit the validity of a key.
_TIMED: Final = (b"valid-after", b"valid-before")
_BLANK: Final = " \t\r\n"
_LONGEST: Final = 1024  # of one pattern, as in match.c
_TIME: Final = re.compile(r"([0-9]{8}|[0-9]{12}|[0-9]{14})(?:Z|UTC)?", re.IGNORECASE)
_OPTION: Final = re.compile(r"([a-z-]+)(?:=\"((?:[^\"\\]|\\.)*)\")?", re.IGNORECASE)


class Signer(NamedTuple):
    """One line.

    Attributes:
        principals: The pattern list of names.
        key: The public key, as SSH writes it.
        is_authority: True for a key that certifies others.
        namespaces: The pattern list of purposes; None for every purpose.
        valid_after: Seconds since 1970 from which on the key is valid; None for always.
        valid_before: Seconds since 1970 up to which the key is valid; None for ever.
    """

    principals: str
    key: bytes
    is_authority: bool
    namespaces: str | None
    valid_after: int | None
    valid_before: int | None

    def is_for(self, namespace: str) -> bool:
        """True when the key may sign for a purpose."""
        return self.namespaces is None or matches_pattern_list(namespace, self.namespaces)

    def is_valid(self, moment: int) -> bool:
        """True when the key is valid at a time, in seconds since 1970."""
        early = self.valid_after is not None and moment < self.valid_after
        return not early and (self.valid_before is None or moment <= self.valid_before)


def is_timed(allowed: bytes) -> bool:
    """True when a line limits the validity of a key, so that the time of a signature matters."""
    return any(word in allowed.lower() for word in _TIMED)


def is_pattern(name: str) -> bool:
    """True for a pattern of several names, or one that excludes names."""
    return name.startswith("!") or bool({"*", "?"} & set(name))


def _matches(name: str, pattern: str) -> bool:
    """As match_pattern in match.c, in time that grows with the product of both lengths."""
    reached = {0}
    for char in pattern:
        if char == "*":
            reached = set(range(min(reached), len(name) + 1)) if reached else reached
        else:
            reached = {
                at + 1 for at in reached if at < len(name) and (char == "?" or name[at] == char)
            }
    return len(name) in reached


def matches_pattern_list(name: str, patterns: str) -> bool:
    """As ``match_pattern_list`` in OpenSSH's ``match.c``: every pattern is tried, and a negated match wins."""
    found = False
    for pattern in patterns.split(","):
        negated = pattern.startswith("!")
        bare = pattern.removeprefix("!")
        if len(bare) < _LONGEST and _matches(name, bare):
            if negated:
                return False
            found = True
    return found


def _word(text: str) -> tuple[str, str] | None:
    """The first word of a line, which may have a part in quotes, and the rest; None without a closing quote."""
    for at, char in enumerate(text):
        if char == '"':
            inside, quote, rest = text[at + 1 :].partition('"')
            return (text[:at] + inside, rest.lstrip(_BLANK)) if quote else None
        if char in _BLANK:
            return text[:at], text[at:].lstrip(_BLANK)
    return text, ""


def _key(text: str) -> bytes | None:
    """The key at the beginning of some text; None where there is none."""
    kind, _, rest = text.lstrip(" \t").partition(" ")
    encoded = rest.lstrip(" \t").partition(" ")[0].partition("\t")[0]
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    size = int.from_bytes(blob[:4])
    return blob if kind and blob[4 : 4 + size] == kind.encode() else None


def _options_end(text: str) -> int:
    """Where the options end: at the first blank outside quotes."""
    quoted = escaped = False
    for at, char in enumerate(text):
        if char in " \t" and not quoted:
            return at
        if char == '"' and not escaped:
            quoted = not quoted
        escaped = char == "\\" and not escaped
    return len(text)


def _seconds(written: str) -> int | None:
    """A time of an option, in UTC with or without ``Z``; None where it is none."""
    match = _TIME.fullmatch(written)
    if match is None:
        return None
    form = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}[len(match[1])]
    try:
        return calendar.timegm(time.strptime(match[1], form))
    except ValueError:
        return None


def _options(text: str) -> dict[str, str] | None:
    """The options of a line by name; None where ``ssh-keygen`` takes the line for a bad one."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _OPTION.match(text, at)
        name = "" if match is None else match[1].lower()
        is_flag = name == "cert-authority"
        if match is None or name in found or is_flag is not (match[2] is None):
            return None
        if name not in {"cert-authority", "namespaces", "valid-after", "valid-before"}:
            return None
        found[name] = re.sub(r'\\"', '"', match[2] or "")
        at = match.end()
        if at < len(text):
            if text[at] != "," or at + 1 == len(text):
                return None
            at += 1
    return found


def _signer(line: str) -> Signer | None:
    """One line; None for a comment, and for what ``ssh-keygen`` passes over."""
    text = line.strip(_BLANK)
    if not text or text.startswith("#"):
        return None
    words = _word(text)
    if words is None:
        return None
    principals, rest = words
    key, options = _key(rest), ""
    if key is None:
        end = _options_end(rest)
        options, key = rest[:end], _key(rest[end:])
    said = _options(options)
    if key is None or said is None:
        return None
    after, before = (
        _seconds(said[n]) if n in said else None for n in ("valid-after", "valid-before")
    )
    wrong = ("valid-after" in said and after is None) or ("valid-before" in said and before is None)
    if wrong or (after is not None and before is not None and before <= after):
        return None
    return Signer(principals, key, "cert-authority" in said, said.get("namespaces"), after, before)


def signers_in(allowed: bytes) -> Iterator[Signer]:
    """The lines of ``allowed_signers`` that count, in order.

    Args:
        allowed: The content of the file.
    """
    for line in allowed.decode(errors="surrogateescape").split("\n"):
        found = _signer(line)
        if found is not None:
            yield found


def list_signer_names(
    allowed: bytes, key: bytes, *, namespace: str, moment: int | None = None
) -> list[str]:
    """The names under which a key may sign, each once: those of persons first, then patterns.

    Args:
        allowed: The content of the file.
        key: The public key, as SSH writes it; no certificate.
        namespace: The purpose.
        moment: When, in seconds since 1970; None for at any time.
    """
    names: dict[str, None] = {}
    for signer in signers_in(allowed):
        valid = moment is None or signer.is_valid(moment)
        if signer.key != key or signer.is_authority or not valid or not signer.is_for(namespace):
            continue
        for name in signer.principals.split(","):
            # `!me@x,*@x` lets `*@x` sign and excludes `me@x`; the exclusion itself names no person.
            if name and not name.startswith("!") and matches_pattern_list(name, signer.principals):
                names.setdefault(name)
    return sorted(names, key=is_pattern)
