"""Lock files: which version and which bytes a reference meant, written down so that it means the same tomorrow.

::

    schema: lock/v1
    registry: acme
    pins:
      - reference: nlp/lang-id@production
        version: nlp/lang-id@4
        commit: 9f2c…                 where that was the answer
        record: sha256:1b7a…          of the bytes of version.yaml, which hold all digests
        artifacts:                    of these the digests are repeated, for whoever reviews the file
          - name: model
            path: lid.176.ftz
            size: 938013
            sha256: 8f3f…

The record decides: a version is frozen, and its digests are in it. The commit says where it is found when the registry
does not show it any more, and tells a reviewer when the answer was given.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog, VersionView
from registry_tool.catalog.resolve import Resolved, find_model
from registry_tool.errors import InvalidNameError, NotFoundError, RefusedError, UsageError
from registry_tool.manifests.data import Data, records, text
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.yaml.explain import explain
from registry_tool.manifests.yaml.fast import SIZE_LIMIT, Unsure, load_fast
from registry_tool.manifests.yaml.writer import render
from registry_tool.names import Reference

__all__ = ["LOCK_FILE", "LOCK_LIMIT", "Pin", "pin", "pinned_version", "read_lock", "render_lock"]

LOCK_FILE: Final = "registry.lock"
LOCK_LIMIT: Final = SIZE_LIMIT
_SCHEMA: Final = "lock/v1"
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_RECORD: Final = re.compile(r"sha256:[0-9a-f]{64}")
_SHOWN: Final = ("name", "path", "uri", "size", "sha256", "etag")


class Pin(NamedTuple):
    """One reference, and what it meant.

    Attributes:
        reference: As it was asked.
        version: The answer, as a reference to a version.
        commit: The commit that gave the answer.
        record: The sha256 of the bytes of ``version.yaml``, after ``sha256:``.
        artifacts: Name, place, size and digest of each artifact.
    """

    reference: Reference
    version: Reference
    commit: str
    record: str
    artifacts: tuple[dict[str, JSON], ...]


def _record(version: VersionView) -> str:
    document = version.document
    source = b"" if document is None else document.source
    return f"sha256:{hashlib.sha256(source).hexdigest()}"


def _artifacts(version: VersionView) -> tuple[dict[str, JSON], ...]:
    entries = records(version.data, "artifacts")
    return tuple({key: entry[key] for key in _SHOWN if key in entry} for entry in entries)


def pin(found: Resolved, commit: str) -> Pin:
    """What a reference means at a commit.

    Raises:
        InvalidManifestError: The record of the version cannot be read.
    """
    version = found.version
    name = Reference(version.model.name, version.version)
    return Pin(found.reference, name, commit, _record(version), _artifacts(version))


def render_lock(registry: str, pins: Iterable[Pin]) -> bytes:
    """The bytes of a lock file: by reference, so that two people who lock the same write the same.

    Raises:
        UsageError: It would be too large to be read.
    """
    listed: list[JSON] = [
        {
            "reference": str(one.reference),
            "version": str(one.version),
            "commit": one.commit,
            "record": one.record,
            "artifacts": [dict(artifact) for artifact in one.artifacts],
        }
        for one in sorted(pins, key=lambda one: str(one.reference))
    ]
    data = render({"schema": _SCHEMA, "registry": registry, "pins": listed})
    if len(data) > LOCK_LIMIT:
        raise UsageError(
            f"a lock file of {len(listed)} references would have {len(data)} bytes; the limit is {LOCK_LIMIT}",
            remedy="write several: registry lock REF -o FILE",
        )
    return data


def _data(source: bytes, label: str) -> Data:
    # No digest is made of these bytes, and Git for Windows checks files out with CR LF.
    plain = source.replace(b"\r\n", b"\n")
    loaded = load_fast(plain)
    if isinstance(loaded, Unsure):
        read = explain(plain)
        if read.problems:
            problem = read.problems[0]
            raise UsageError(f"{label}, line {problem.line}: {problem.message}")
        loaded = read.data
    if not isinstance(loaded, dict) or loaded.get("schema") != _SCHEMA:
        raise UsageError(
            f"{label} is not a lock file: its first line is not `schema: {_SCHEMA}`",
            remedy="write one: registry lock REF",
        )
    return loaded


def _pin(data: Data, label: str) -> Pin:
    try:
        reference = Reference.parse(text(data, "reference"))
        version = Reference.parse(text(data, "version"))
    except InvalidNameError as exc:
        raise UsageError(f"{label}: {exc.message}", remedy=exc.remedy) from exc
    commit, record = text(data, "commit"), text(data, "record")
    if not _COMMIT.fullmatch(commit) or not _RECORD.fullmatch(record):
        raise UsageError(f"{label}: the pin of {reference} lacks a commit or a record digest")
    artifacts = tuple(dict(one) for one in records(data, "artifacts"))
    return Pin(reference, version, commit, record, artifacts)


def read_lock(source: bytes, label: str) -> list[Pin]:
    """The pins of a lock file, in its order.

    Raises:
        UsageError: It is not well formed.
    """
    data = _data(source, label)
    pins = [_pin(one, label) for one in records(data, "pins")]
    if not pins:
        raise UsageError(f"{label} pins nothing", remedy="write it again: registry lock REF")
    if len({str(one.reference) for one in pins}) != len(pins):
        raise UsageError(f"{label} pins a reference twice", remedy="remove one of the two")
    return pins


def pinned_version(pinned: Pin, catalogs: Iterable[Catalog], label: str) -> VersionView:
    """The version of a pin, held against what the pin says of it.

    Args:
        pinned: The pin.
        catalogs: Of the registry today, and of the commit of the pin; the record decides which has the version.
        label: What messages call the lock file.

    Raises:
        NotFoundError: None has the version.
        RefusedError: Its record, or an artifact, is not the one that was pinned.
    """
    records_found: list[str] = []
    for catalog in catalogs:
        view = _version(catalog, pinned.version)
        if view is None:
            continue
        records_found.append(record := _record(view))
        if record != pinned.record:
            continue
        if _artifacts(view) != pinned.artifacts:
            raise _refusal(label, pinned, "has other artifacts than the lock file records")
        return view
    if records_found:
        found = " or ".join(dict.fromkeys(records_found))
        raise _refusal(label, pinned, f"has the record {found}, not {pinned.record}")
    raise NotFoundError(
        f"{label} pins {pinned.reference} to {pinned.version}, which does not exist in this registry",
        remedy="check that this is the right registry, and update it: git fetch",
    )


def _version(catalog: Catalog, reference: Reference) -> VersionView | None:
    try:
        view = find_model(catalog, reference.model).version(reference.selector)
    except NotFoundError:
        return None
    return view if view is not None and view.document is not None else None


def _refusal(label: str, pinned: Pin, what: str) -> RefusedError:
    return RefusedError(
        f"{label} pins {pinned.reference} to {pinned.version}, which {what}",
        remedy=f"list the changes: registry history {pinned.version}",
    )
