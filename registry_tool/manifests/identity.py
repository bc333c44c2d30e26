"""A version's identity: one digest over everything that can change its outputs.

Two versions with one identity answer alike. Where the bytes are stored, how they are encrypted, what people write about
them and the order artifacts are listed in do not matter. The formula is part of the file format: it never changes
under ``version/v1``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Final

from registry_tool.errors import InvalidManifestError
from registry_tool.manifests.problems import JSON

__all__ = ["identity"]

# Documents, datasets, metrics and signatures describe a version; they do not take part in its answers.
_ROLES: Final = frozenset({"model", "checkpoint", "tokenizer", "code", "other"})
# Between them Python and JavaScript write a number alike.
_LEAST, _MOST = 1e-4, 1e15
# Where a number could stand in JSON without blanks.
_NUMBERS: Final = re.compile(r"(?:^|[:,\[])[-0-9IN]")
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def _mapping(value: JSON) -> Mapping[str, JSON]:
    return value if isinstance(value, dict) else {}


def _artifacts(version: Mapping[str, JSON]) -> list[Mapping[str, JSON]]:
    listed = version.get("artifacts")
    return [_plain(_mapping(entry)) for entry in listed] if isinstance(listed, list) else []


def _identify_bytes(artifact: Mapping[str, JSON]) -> dict[str, JSON]:
    """What says which bytes an artifact has: its digest, or where nobody knows it, the store's word."""
    fields = ("sha256",) if "sha256" in artifact else ("uri", "etag")
    return {field: artifact[field] for field in fields if field in artifact}


def _plain(artifact: Mapping[str, JSON]) -> Mapping[str, JSON]:
    """An artifact as it is without its encryption."""
    encryption = _mapping(artifact.get("encryption"))
    return {**artifact, **{k: encryption[k] for k in ("path", "sha256") if k in encryption}}


def _describe(artifact: Mapping[str, JSON]) -> dict[str, JSON]:
    called = "path" if "path" in artifact else "name"
    return {called: artifact.get(called), **_identify_bytes(artifact)}


def _environment(version: Mapping[str, JSON]) -> dict[str, JSON]:
    environment = _mapping(version.get("environment"))
    lock = environment.get("lock")
    for artifact in _artifacts(version):
        if lock is not None and artifact.get("name") == lock and "sha256" in artifact:
            return {"lock": artifact["sha256"]}
    packages = environment.get("pip_packages")
    return {
        "python_version": environment.get("python_version"),
        "pip_packages": sorted(packages, key=str) if isinstance(packages, list) else None,
    }


def _is_common(value: JSON) -> bool:
    """True for data whose RFC 8785 form is what the standard library writes.

    That is so for names of ASCII, which sort by code point as by UTF-16, and for numbers that JavaScript writes as
    Python does: not those it would write without a point, or with another exponent.
    """
    if isinstance(value, str):
        return value.isascii()
    if isinstance(value, dict):
        return all(key.isascii() and _is_common(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(map(_is_common, value))
    if isinstance(value, float):
        return _LEAST <= abs(value) < _MOST and not value.is_integer()
    return value is None or isinstance(value, bool) or abs(value) < _MOST


def _canonical(value: JSON) -> bytes:
    form = _encode(value)
    if form.isascii() and (not _NUMBERS.search(form) or _is_common(value)):
        return form.encode()
    import rfc8785

    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError) as exc:
        raise InvalidManifestError(
            f"the version has no identity: {exc}",
            remedy="in framework and parameters, write numbers beyond 2^53 as text",
        ) from exc


def _drop_empty(members: Mapping[str, JSON]) -> dict[str, JSON]:
    """The members that say something: absent and empty are one."""
    return {key: value for key, value in members.items() if value not in (None, {}, [])}


def identity(version: Mapping[str, JSON]) -> str:
    """The identity of a version, from the plain data of its ``version.yaml``.

    It is ``sha256:`` and the hexadecimal SHA-256 of the RFC 8785 form of this mapping, whose members are left out
    where they would be null or empty::

        {
          "artifacts":   [...],                   one entry for each artifact of role model, checkpoint, tokenizer,
                                                  code or other, sorted by the bytes of its RFC 8785 form:
                                                  {"path": P, "sha256": D} when stored; those of the plaintext
                                                  where it is encrypted,
                                                  {"name": N, "sha256": D} when tracked,
                                                  {"name": N, "uri": U, "etag": E} when tracked without sha256
          "framework":   {...},                   as it stands
          "environment": {"lock": D}              D is the sha256 of the artifact that `lock` names; without it
                      or {"pip_packages": [...],  sorted by code point
                          "python_version": V},
          "parameters":  {...}                    as they stand
        }

    Args:
        version: Plain data that holds to ``version/v1``; the member ``identity`` is not read.

    Raises:
        InvalidManifestError: A number has no canonical form (a whole number beyond 2^53).
    """
    entries: list[JSON] = [_describe(a) for a in _artifacts(version) if a.get("role") in _ROLES]
    content: dict[str, JSON] = _drop_empty(
        {
            "artifacts": sorted(entries, key=_canonical),
            "framework": version.get("framework"),
            "environment": _drop_empty(_environment(version)),
            "parameters": version.get("parameters"),
        }
    )
    return f"sha256:{hashlib.sha256(_canonical(content)).hexdigest()}"
