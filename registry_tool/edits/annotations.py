"""What is said about a version after it was published: metadata, labels, description, evidence."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

from registry_tool.catalog.catalog import Catalog, VersionView
from registry_tool.catalog.resolve import resolve
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.edits.versions import timestamp
from registry_tool.errors import InvalidManifestError, NotFoundError, RefusedError
from registry_tool.manifests.data import Data, member, texts
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.values import plain_fields, plain_text
from registry_tool.manifests.yaml.editor import changed
from registry_tool.manifests.yaml.writer import render
from registry_tool.names import Reference, check_new_name, check_pointer

__all__ = ["add_evidence", "annotate"]

_UNSAFE = re.compile(r"[^a-z0-9]+")


def annotate(
    reference: Reference,
    *,
    metadata: Mapping[str, object] | None = None,
    remove: Sequence[str] = (),
    labels: Sequence[str] = (),
    description: str | None = None,
) -> Edit:
    """Add metadata, labels or a description to a version, in its ``metadata.yaml``; the record stays as it is.

    Args:
        reference: The version.
        metadata: Values by key; a key that is there is replaced.
        remove: Keys of ``metadata.yaml`` that go.
        labels: Labels that are added.
        description: A description that stands in for the record's.

    The act raises NotFound (the version, or a key that is to go) or InvalidManifest (the file cannot be read).

    Raises:
        UsageError: A value has no form in a manifest; see ``manifests.incoming``.
    """
    given = plain_fields(metadata or {}, "metadata")
    wanted = [plain_text(label, "labels") for label in labels]
    words = None if description is None else plain_text(description, "description")

    def act(catalog: Catalog) -> ChangeSet:
        version = resolve(catalog, reference, allow_withdrawn=True).version
        path = f"{version.folder}/metadata.yaml"
        before = version.metadata
        if before is not None and before.data is None:
            problem = before.problems[0]
            raise InvalidManifestError(f"{path}:{problem.line}: {problem.message}")
        old = {"schema": "metadata/v1"} if before is None or before.data is None else before.data
        free = _without(member(old, "metadata"), remove, version)
        fields: dict[str, JSON] = {}
        if given or remove:
            fields["metadata"] = {**free, **given}
        if wanted:
            fields["labels"] = [*dict.fromkeys([*texts(old, "labels"), *wanted])]
        if words is not None:
            fields["description"] = words
        if before is None:
            source = render({"schema": "metadata/v1", **fields})
        else:
            source = changed(before.source, old, fields, path)
        if before is not None and source == before.source:
            return ChangeSet(f"{version} says that already")
        return ChangeSet(f"Annotate {version}", {path: source})

    return act


def _without(metadata: Data, remove: Sequence[str], version: VersionView) -> dict[str, JSON]:
    for key in remove:
        if key not in metadata:
            raise NotFoundError(
                f"the metadata.yaml of {version} has no key {key!a}",
                remedy="what stands in the record itself never changes",
            )
    return {key: value for key, value in metadata.items() if key not in remove}


def _evidence_id(version: VersionView, kind: str, fields: Mapping[str, JSON], at: str) -> str:
    """A name that says what it is and that two people do not choose by accident."""
    words = [kind, str(fields.get("suite") or fields.get("stage") or fields.get("tool") or "")]
    slug = _UNSAFE.sub("-", "-".join(w for w in words if w).lower()).strip("-")[:40].rstrip("-")
    seed = render({"version": str(version), "at": at, **fields})
    return f"{at[:10].replace('-', '')}-{slug}-{hashlib.sha256(seed).hexdigest()[:6]}"


def add_evidence(
    reference: Reference,
    kind: str,
    fields: Mapping[str, object],
    *,
    by: str,
    at: str = "",
    name: str = "",
) -> Edit:
    """Add a record of evidence to a version; it is never changed afterwards.

    Args:
        reference: The version.
        kind: evaluation, metrics, approval, scan, signature or note.
        fields: What that kind says; see ``schemas/evidence``.
        by: Who says it.
        at: When, RFC 3339 in UTC with milliseconds; now by default.
        name: The file's name without ``.yaml``; made from date, kind and content by default.

    The act raises NotFound, Refused (the name is taken) or InvalidManifest (the version's record cannot be read).

    Raises:
        UsageError: A value has no form in a manifest; see ``manifests.incoming``.
    """
    given = plain_fields(fields)
    if name:
        check_new_name(check_pointer(name, "evidence"), "evidence")
    moment = at or timestamp()

    def act(catalog: Catalog) -> ChangeSet:
        version = resolve(catalog, reference, allow_withdrawn=True).version
        document = version.document
        if document is None or document.data is None:
            raise InvalidManifestError(f"the record of {version} cannot be read")
        chosen = name or _evidence_id(version, kind, given, moment)
        path = f"{version.folder}/evidence/{chosen}.yaml"
        if catalog.tree.entry(path) is not None:
            raise RefusedError(
                f"{path} is there already", remedy="evidence never changes; choose another name"
            )
        data: dict[str, JSON] = {
            "schema": "evidence/v1",
            "kind": kind,
            "subject": {
                "version": version.version,
                "sha256": hashlib.sha256(document.source).hexdigest(),
            },
            "by": by,
            "at": moment,
            **given,
        }
        return ChangeSet(f"Add {kind} to {version}", {path: render(data)})

    return act
