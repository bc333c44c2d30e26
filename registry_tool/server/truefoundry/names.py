"""Names: ML repos are namespaces, models are models, and each has a fully qualified name.

TrueFoundry allows fewer characters than we do. A namespace or model whose shown name it does not allow has a name there that
is made from it and ends in eight digits of its digest, so that two have two names and every replica makes the same ones.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final, NamedTuple

from registry_tool.live.records import ModelRecord, NamespaceRecord

__all__ = [
    "ALIAS",
    "MODEL",
    "REPO",
    "FullName",
    "name_model",
    "name_repo",
    "parse_full_name",
    "parse_run_name",
    "render_full_name",
]

REPO: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,98}[A-Za-z0-9]")
"""An ML repo."""
MODEL: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
"""A model."""
ALIAS: Final = re.compile(r"v[A-Za-z0-9.-]{0,126}[A-Za-z0-9]")
"""The alias of a version."""
_FULL: Final = re.compile(r"model:([^/:]{1,200})/([^/:]{1,200})/([^/:]{1,300})(?::([^/:]{1,200}))?")
_KEPT_OF_REPO: Final = 64
_KEPT_OF_MODEL: Final = 128
_DIGITS: Final = 8
_RUN_PARTS: Final = 3


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]


def name_repo(record: NamespaceRecord) -> str:
    """The name of a namespace as an ML repo."""
    shown = record.shown
    if REPO.fullmatch(shown):
        return shown
    plain = re.sub(r"[^A-Za-z0-9]+", "-", record.name).strip("-")[:_KEPT_OF_REPO]
    start = plain if plain[:1].isalpha() else f"repo-{plain}".rstrip("-")
    return f"{start}-{_digits(record.name)}"


def name_model(record: ModelRecord) -> str:
    """The name of a model in its ML repo."""
    shown = record.shown
    if MODEL.fullmatch(shown):
        return shown
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", shown).strip("-")[:_KEPT_OF_MODEL]
    return f"{plain or 'model'}-{_digits(shown)}"


class FullName(NamedTuple):
    """A fully qualified name.

    Attributes:
        tenant: The tenant: the registry.
        repo: The ML repo.
        name: The model.
        version: A number or an alias; empty for the model itself.
    """

    tenant: str
    repo: str
    name: str
    version: str = ""


def parse_full_name(text: str) -> FullName | None:
    """``model:<tenant>/<ml repo>/<name>[:<version>]``; None for other text."""
    match = _FULL.fullmatch(text)
    return None if match is None else FullName(match[1], match[2], match[3], match[4] or "")


def parse_run_name(text: str) -> FullName | None:
    """``<tenant>/<ml repo>/<run>``; None for other text."""
    parts = text.split("/")
    return FullName(*parts) if len(parts) == _RUN_PARTS and all(parts) else None


def render_full_name(name: FullName) -> str:
    """See ``parse_full_name``."""
    version = f":{name.version}" if name.version else ""
    return f"model:{name.tenant}/{name.repo}/{name.name}{version}"
