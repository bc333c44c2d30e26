"""What is added to a published version or model: metadata, labels, a description, evidence."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog, VersionView
from registry_tool.catalog.resolve import find_model, resolve
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.edits.models import upgraded_model
from registry_tool.edits.sealing import seal_first
from registry_tool.edits.versions import timestamp
from registry_tool.errors import InvalidManifestError, NotFoundError, RefusedError, UsageError
from registry_tool.manifests.arguments import check_fields, check_manifest
from registry_tool.manifests.data import Data, member, texts
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.schema_fast import same
from registry_tool.manifests.values import plain_fields, plain_text
from registry_tool.manifests.yaml.editor import GONE, edit_fields
from registry_tool.manifests.yaml.writer import render
from registry_tool.names import ModelName, Reference, check_new_name, check_pointer

__all__ = [
    "add_evidence",
    "add_model_evidence",
    "annotate",
    "plain_annotations",
    "replace_metadata",
]

_UNSAFE = re.compile(r"[^a-z0-9]+")
# Kinds that evidence/v1 does not know.
_SECOND_KINDS: Final = frozenset({"artifacts"})
# Stands for the subject while the registry has not been read.
_ANY_RECORD: Final[Mapping[str, JSON]] = {"version": "1", "sha256": "0" * 64}


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
        metadata: Values by key; a key that exists is replaced.
        remove: Keys that are removed; one of the record stays there, and readers leave it out.
        labels: Labels that are added.
        description: A description that replaces the record's.

    The edit raises NotFoundError (the version, or a key that is to go) or InvalidManifestError (the file cannot be read).

    Raises:
        UsageError: A value has no form in a manifest, or the schema does not allow it.
    """
    said = plain_annotations(metadata or {}, description=description)
    given, words = member(said, "metadata"), said.get("description")
    wanted: list[JSON] = [*dict.fromkeys(plain_text(label, "labels") for label in labels)]
    check_fields("metadata/v1", {"labels": wanted})

    def edit(catalog: Catalog) -> ChangeSet:
        version = resolve(catalog, reference, allow_withdrawn=True, allow_draft=True).version
        old, current = _read_added(version), version.all_metadata
        for key in remove:
            if key not in current:
                raise NotFoundError(
                    f"the metadata of {version} has no key {key!a}",
                    remedy=f"list its keys: registry show {version}",
                )
        fields: dict[str, JSON] = {}
        if given or remove:
            added = member(old, "metadata")
            kept = {key: value for key, value in added.items() if key not in remove}
            hidden = [*texts(old, "without"), *(key for key in remove if key not in given)]
            fields = _laid_over(version, old, {**kept, **given}, hidden)
        if wanted:
            fields["labels"] = [*dict.fromkeys([*texts(old, "labels"), *wanted])]
        if words is not None:
            fields["description"] = words
        return _write_metadata(version, old, fields)

    return edit


def plain_annotations(
    metadata: Mapping[str, object], *, description: str | None = None
) -> dict[str, JSON]:
    """Metadata and a description as ``metadata.yaml`` has them; what is not given is left out.

    Raises:
        UsageError: A value has no form in a manifest, or the schema does not allow it.
    """
    said: dict[str, JSON] = {}
    if metadata:
        said["metadata"] = plain_fields(metadata, "metadata")
    if description is not None:
        said["description"] = plain_text(description, "description")
    check_fields("metadata/v1", said)
    return said


def _read_added(version: VersionView) -> Data:
    """The data of ``metadata.yaml``, or that of one that says nothing."""
    before = version.metadata
    if before is None:
        return {"schema": "metadata/v1"}
    if before.data is None:
        problem = before.problems[0]
        raise InvalidManifestError(f"{before.path}:{problem.line}: {problem.message}")
    return before.data


def _laid_over(
    version: VersionView, old: Data, added: dict[str, JSON], hidden: Sequence[str]
) -> dict[str, JSON]:
    """The fields that lay metadata over that of the record; what is hidden needs ``metadata/v2``."""
    own = member(version.data, "metadata")
    without: list[JSON] = [key for key in dict.fromkeys(hidden) if key in own and key not in added]
    fields: dict[str, JSON] = {"metadata": added}
    if without or "without" in old:
        fields |= {"schema": "metadata/v2", "without": without}
    return fields


def _write_metadata(
    version: VersionView, old: Data, fields: dict[str, JSON], *, gone: Sequence[str] = ()
) -> ChangeSet:
    path, before = f"{version.folder}/metadata.yaml", version.metadata
    if before is None:
        return ChangeSet(f"Annotate {version}", {path: render({**old, **fields})})
    new: dict[str, JSON | object] = {k: v for k, v in fields.items() if not same(old.get(k), v)}
    new |= dict.fromkeys(gone, GONE)
    if not new:
        return ChangeSet(f"{version} already has these values")
    edited = edit_fields(before.source, old, new, path)  # type: ignore[arg-type]  # GONE is one of its values
    return ChangeSet(f"Annotate {version}", {path: edited})


def replace_metadata(
    reference: Reference,
    metadata: Mapping[str, object],
    *,
    labels: Sequence[str] | None = None,
    description: str | None = None,
) -> Edit:
    """Make the free metadata of a version exactly this: keys of its record that are not in it are left out by readers.

    Args:
        reference: The version.
        metadata: All values by key.
        labels: All labels; None leaves them.
        description: A description that replaces the one that it has; empty removes that of ``metadata.yaml``, and None
            leaves it.

    The edit raises NotFoundError (no such version) or InvalidManifestError (a file cannot be read).

    Raises:
        UsageError: A value has no form in a manifest, or the schema does not allow it.
    """
    given = plain_fields(metadata, "metadata")
    said: dict[str, JSON] = {}
    if labels is not None:
        said["labels"] = [*dict.fromkeys(plain_text(label, "labels") for label in labels)]
    if description:
        said["description"] = plain_text(description, "description")
    check_fields("metadata/v2", {"metadata": given, **said})

    def edit(catalog: Catalog) -> ChangeSet:
        version = resolve(catalog, reference, allow_withdrawn=True, allow_draft=True).version
        old, own = _read_added(version), member(version.data, "metadata")
        added = {k: v for k, v in given.items() if k not in own or not same(own[k], v)}
        fields = _laid_over(version, old, added, [key for key in own if key not in given])
        if not added and "metadata" not in old:
            del fields["metadata"]
        if not {**fields, **said} and version.metadata is None:
            return ChangeSet(f"{version} already has these values")
        gone = ["description"] if description == "" and "description" in old else []
        return _write_metadata(version, old, {**fields, **said}, gone=gone)

    return edit


def _evidence_id(subject: str, kind: str, fields: Mapping[str, JSON], at: str) -> str:
    """A name that says what it is and that two people do not choose by accident."""
    words = [kind, str(fields.get("suite") or fields.get("stage") or fields.get("tool") or "")]
    slug = _UNSAFE.sub("-", "-".join(w for w in words if w).lower()).strip("-")[:40].rstrip("-")
    seed = render({"version": subject, "at": at, **fields})
    return f"{at[:10].replace('-', '')}-{slug}-{hashlib.sha256(seed).hexdigest()[:6]}"


class _Evidence(NamedTuple):
    """A piece of evidence that is about to be added.

    Attributes:
        kind: What kind it is.
        fields: What that kind says, and who says it when.
        name: The file's name without ``.yaml``; empty for one made of date, kind and content.
        at: When, as the file says.
    """

    kind: str
    fields: Mapping[str, JSON]
    name: str
    at: str

    def schema(self, *, about_model: bool) -> str:
        """The oldest schema that knows this evidence, so that older releases read what they can."""
        if "revises" in self.fields:
            return "evidence/v3"
        return "evidence/v2" if about_model or self.kind in _SECOND_KINDS else "evidence/v1"

    def record(self, subject: Mapping[str, JSON]) -> dict[str, JSON]:
        """The data of its file."""
        schema = self.schema(about_model="model" in subject)
        return {"schema": schema, "kind": self.kind, "subject": dict(subject), **self.fields}

    def put(
        self, catalog: Catalog, folder: str, about: str, subject: Mapping[str, JSON]
    ) -> ChangeSet:
        """The change that adds its file to a folder of evidence."""
        said = {key: value for key, value in self.fields.items() if key not in {"by", "at"}}
        path = f"{folder}/{self.name or _evidence_id(about, self.kind, said, self.at)}.yaml"
        if catalog.tree.entry(path) is not None:
            raise RefusedError(
                f"{path} exists already", remedy="evidence never changes; choose another name"
            )
        return ChangeSet(f"Add {self.kind} to {about}", {path: render(self.record(subject))})


def _evidence(
    kind: str,
    fields: Mapping[str, object],
    example: Mapping[str, JSON],
    *,
    by: str,
    at: str,
    name: str,
) -> _Evidence:
    """A piece of evidence, checked as far as it can be without the registry.

    Raises:
        UsageError: A value has no form in a manifest, or the schema does not allow it.
    """
    if name:
        check_new_name(check_pointer(name, "evidence"), "evidence")
    moment = at or timestamp()
    if not by:
        raise UsageError(
            "evidence says who added it, and Git does not know who you are",
            remedy='git config user.name NAME && git config user.email ADDRESS; or name them: by="@team"',
        )
    made = _Evidence(kind, {"by": by, "at": moment, **plain_fields(fields)}, name, moment)
    data = made.record(example)
    check_manifest(str(data["schema"]), data, called=f"evidence of kind {kind}")
    return made


def add_evidence(
    reference: Reference,
    kind: str,
    fields: Mapping[str, object],
    *,
    by: str,
    at: str = "",
    name: str = "",
) -> Edit:
    """Add a record of evidence to a version; it is never changed afterwards. A draft is sealed in the same change.

    Args:
        reference: The version.
        kind: evaluation, metrics, artifacts, approval, scan, signature or note.
        fields: What that kind says; see ``schemas/evidence``.
        by: Who says it.
        at: When, RFC 3339 in UTC with milliseconds; now by default.
        name: The file's name without ``.yaml``; made from date, kind and content by default.

    The edit raises NotFoundError, RefusedError (the name is taken) or InvalidManifestError (the version's record cannot
    be read).

    Raises:
        UsageError: A value has no form in a manifest, or the schema does not allow it.
    """
    made = _evidence(kind, fields, _ANY_RECORD, by=by, at=at, name=name)

    def add(catalog: Catalog) -> ChangeSet:
        version = resolve(catalog, reference, allow_withdrawn=True).version
        document = version.document
        if document is None or document.data is None:
            raise InvalidManifestError(f"the record of {version} cannot be read")
        digest = hashlib.sha256(document.source).hexdigest()
        subject: dict[str, JSON] = {"version": version.version, "sha256": digest}
        return made.put(catalog, f"{version.folder}/evidence", str(version), subject)

    return seal_first(reference, add, f"with evidence of kind {kind}")


def add_model_evidence(
    model: ModelName,
    kind: str,
    fields: Mapping[str, object],
    *,
    by: str,
    at: str = "",
    name: str = "",
) -> Edit:
    """Add a record of evidence about a model itself; it is never changed afterwards.

    A ``model.yaml`` of ``model/v1`` becomes one of ``model/v2``, so that older releases ask for an upgrade. Two changes
    that do that at the same time write the same line, so Git merges them.

    Args:
        model: The model.
        kind: evaluation, metrics or note.
        fields: What that kind says; see ``schemas/evidence``.
        by: Who says it.
        at: When, RFC 3339 in UTC with milliseconds; now by default.
        name: The file's name without ``.yaml``; made from date, kind and content by default.

    The edit raises NotFoundError, RefusedError (the name is taken) or InvalidManifestError (the model's record cannot be
    read).

    Raises:
        UsageError: A value has no form in a manifest, or the schema does not allow it.
    """
    made = _evidence(kind, fields, {"model": str(model)}, by=by, at=at, name=name)

    def add(catalog: Catalog) -> ChangeSet:
        view = find_model(catalog, model)
        upgrade = upgraded_model(view)
        change = made.put(catalog, f"{view.folder}/evidence", str(model), {"model": str(model)})
        return replace(change, puts={**change.puts, **upgrade})

    return add
