"""Version schemes: which versions a scheme admits, and in which order they stand.

``integer`` counts 1, 2, 3; ``semver`` is Semantic Versioning 2.0.0; ``calver`` is numbers parted by dots, dashes
or underscores that begin with a year; ``free`` is any name, and has no order of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal

__all__ = [
    "SCHEMES",
    "Scheme",
    "admits",
    "is_prerelease",
    "looks_like_version",
    "next_version",
    "order_key",
]

Scheme = Literal["integer", "semver", "calver", "free"]
SCHEMES: tuple[Scheme, ...] = ("integer", "semver", "calver", "free")

# Models have the same versions as others, and each is sorted and judged again at every change of its model.
_KEPT: Final = 1 << 14

_INTEGER = r"[1-9][0-9]{0,17}"
# Compiled on first use: most registries count.
_CALVER = r"[0-9]{4}(?:[._-]?[0-9]{1,6}){0,4}(?:-?(?:a|b|rc|dev|alpha|beta)[0-9]*)?"
_NUMBERS = re.compile(r"[0-9]+")
_PRE_WORD = r"-?(?:alpha|beta|a|b|rc|dev)[0-9]*$"
# https://semver.org/#is-there-a-suggested-regular-expression-regex-to-check-a-semver-string
_SEMVER = (
    r"(?a)(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?"
)
_ADMITTED = {"integer": _INTEGER, "semver": _SEMVER, "calver": _CALVER}


@lru_cache(_KEPT)
def admits(scheme: str, version: str) -> bool:
    """True when ``version`` is well formed under ``scheme``."""
    pattern = _ADMITTED.get(scheme)
    return pattern is None or re.fullmatch(pattern, version) is not None


def looks_like_version(scheme: str, name: str) -> bool:
    """True for a name that a version of the scheme has, or that a reader takes for one; ``free`` has no such form."""
    if scheme == "integer":
        return name.isascii() and name.isdigit()
    return scheme != "free" and admits(scheme, name)


def is_prerelease(scheme: str, version: str) -> bool:
    """True when ``latest`` should pass ``version`` over."""
    if scheme == "semver":
        match = re.fullmatch(_SEMVER, version)
        return bool(match and match[4])
    if scheme == "calver":
        return re.search(_PRE_WORD, version) is not None
    return False


def _semver_key(version: str) -> tuple[object, ...]:
    """Precedence of SemVer 2.0.0, section 11."""
    match = re.fullmatch(_SEMVER, version)
    if match is None:
        return ((-1, -1, -1), 0, (), version)
    core = (int(match[1]), int(match[2]), int(match[3]))
    if match[4] is None:
        return (core, 1, (), version)
    parts = tuple((0, int(p), "") if p.isdigit() else (1, 0, p) for p in match[4].split("."))
    return (core, 0, parts, version)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(n) for n in _NUMBERS.findall(text))


@lru_cache(_KEPT)
def order_key(scheme: str, version: str, created_at: str = "") -> tuple[object, ...]:
    """A key that sorts versions of one scheme, lowest first.

    ``free`` versions sort by ``created_at`` (RFC 3339, UTC, so text order is time order).
    """
    if scheme == "semver":
        return _semver_key(version)
    if scheme == "free":
        return (created_at, version)
    word = re.search(_PRE_WORD, version)
    release, suffix = (version[: word.start()], word[0]) if word else (version, "")
    return (_numbers(release), not suffix, suffix.strip("-0123456789"), _numbers(suffix), version)


def next_version(scheme: str, versions: Iterable[str], taken: Iterable[str] = ()) -> str | None:
    """The version that follows, for a scheme that counts; None where a person must choose.

    Args:
        scheme: The version scheme.
        versions: The versions that exist.
        taken: Tags and aliases of the model; a number that one of them has is passed over.
    """
    if scheme != "integer":
        return None
    number = max((int(v) for v in versions if admits(scheme, v)), default=0) + 1
    others = frozenset(taken)
    while str(number) in others:
        number += 1
    return str(number)
