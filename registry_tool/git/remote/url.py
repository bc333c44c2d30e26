"""URLs of Git repositories, and the credentials that users write into them.

A token in a URL is only for the server. It is not printed, not stored, and not passed in a command line, which every user
of a machine can read: git gets the URL without it, and a setting that adds it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

__all__ = [
    "build_settings",
    "is_url",
    "read_scheme",
    "shown_url",
    "stored_url",
    "without_credentials",
]

_WITH_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://.+")
_SCP_LIKE: Final = re.compile(r"(?:[A-Za-z0-9._-]+@)?[A-Za-z0-9][A-Za-z0-9._-]*:(?!//).+")
_OVER_HTTP: Final = r"(?i)(https?://)[^/?#]*@"  # compiled on first use, as those below
# In an SSH user name only the password is secret; `git` in git@host is not.
_CREDENTIALS: Final = r"(://[^/@:?#]*):[^/?#]*@"
_QUERY: Final = r"(?i)^(https?://[^?#]*)\?[^#]*"
_IN_TEXT: Final = r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+"


def is_url(source: str) -> bool:
    """True for what Git takes for a remote: ``scheme://…`` or ``[user@]host:path``."""
    return bool(_WITH_SCHEME.fullmatch(source)) or (
        bool(_SCP_LIKE.fullmatch(source)) and not Path(source).exists()
    )


def read_scheme(url: str) -> str:
    """The scheme of a URL; empty for what has none."""
    match = _WITH_SCHEME.fullmatch(url)
    return match[1] if match else ""


def _replace_parts(url: str, user: str, password: str, query: str) -> str:
    found = re.sub(
        _CREDENTIALS, rf"\1{password}@", re.sub(_OVER_HTTP, rf"\1{user}", url, count=1), count=1
    )
    return re.sub(_QUERY, rf"\1{query}", found)


def shown_url(url: str) -> str:
    """A URL for messages, without the password and the query; over HTTP the name alone may be a token."""
    return _replace_parts(url, "***@", ":***", "?***")


def stored_url(url: str) -> str:
    """A URL as it may be written to a disk: without credentials, and without a trace of them."""
    return _replace_parts(url, "", "", "")


def build_settings(url: str) -> Mapping[str, str]:
    """The settings with which git reaches a URL under its stored form; none where both are the same."""
    stored = stored_url(url)
    return {} if stored == url else {f"url.{url}.insteadOf": stored}


def without_credentials(text: str) -> str:
    """Words of git, which may quote an address."""
    return re.sub(_IN_TEXT, lambda match: shown_url(match[0]), text)
