"""Edits of models and versions: each is checked, and written to the work tree or as one commit.

Every function takes the registry, what changes, and ``WriteOptions``; it returns the publication.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Unpack

from registry_tool.api.changes.session import ChangeSession, write
from registry_tool.artifacts.entry_builder import metric_entry
from registry_tool.edits.aliases import add_tag as tag_edit
from registry_tool.edits.aliases import remove_alias as remove_alias_edit
from registry_tool.edits.aliases import set_alias as alias_edit
from registry_tool.errors import NotFoundError, UsageError
from registry_tool.names import ModelName, Reference

if TYPE_CHECKING:
    from registry_tool.api.changes.publish import Publication, WriteOptions
    from registry_tool.api.changes.staging import ArtifactSource
    from registry_tool.api.snapshot import Snapshot
    from registry_tool.catalog.catalog import Catalog
    from registry_tool.edits.codeowners import Host
    from registry_tool.encryption import Package
    from registry_tool.manifests.data import Data

__all__ = [
    "CodeownersCheck",
    "EncryptTo",
    "NewVersion",
    "add_evidence",
    "add_model",
    "add_model_evidence",
    "add_tag",
    "add_version",
    "annotate",
    "archive",
    "check_codeowners",
    "metric_entry",
    "remove_alias",
    "set_alias",
    "set_state",
    "update_model",
    "write_codeowners",
]


def set_alias(
    registry: Snapshot, reference: str, alias: str, *, reason: str = "", **options: Unpack[WriteOptions]
) -> Publication:  # fmt: skip
    """Create an alias, or move it, to the version that a reference names."""
    return write(
        registry, alias_edit(Reference.for_change(reference), alias, reason=reason), options
    )


def remove_alias(
    registry: Snapshot, model: str, alias: str, **options: Unpack[WriteOptions]
) -> Publication:
    """Remove an alias; the version stays."""
    return write(registry, remove_alias_edit(ModelName.parse(model), alias), options)


def add_tag(
    registry: Snapshot, reference: str, tag: str, **options: Unpack[WriteOptions]
) -> Publication:
    """Add an immutable tag to a version."""
    return write(registry, tag_edit(Reference.for_change(reference), tag), options)


def set_state(
    registry: Snapshot,
    reference: str,
    state: Literal["active", "deprecated", "withdrawn"],
    *,
    reason: str,
    replaced_by: str = "",
    remove_aliases: bool = False,
    **options: Unpack[WriteOptions],
) -> Publication:
    """Set the state of a version, with a reason that readers see."""
    from registry_tool.edits.lifecycle import set_state as edit_of_state
    from registry_tool.edits.lifecycle import withdraw_with_aliases

    version = Reference.for_change(reference)
    if not reason.strip():
        raise UsageError("the reason is empty", remedy="give a reason: readers see it")
    if state == "withdrawn" and remove_aliases:
        edit = withdraw_with_aliases(version, reason=reason, replaced_by=replaced_by)
    else:
        edit = edit_of_state(version, state, reason=reason, replaced_by=replaced_by)
    return write(registry, edit, options)


def archive(registry: Snapshot, model: str, **options: Unpack[WriteOptions]) -> Publication:
    """Archive a model: it keeps its versions and accepts no new ones."""
    from registry_tool.edits.lifecycle import archive as archive_edit

    return write(registry, archive_edit(ModelName.parse(model)), options)


def annotate(
    registry: Snapshot,
    reference: str,
    *,
    metadata: Mapping[str, object] | None = None,
    remove: Sequence[str] = (),
    labels: Sequence[str] = (),
    description: str | None = None,
    **options: Unpack[WriteOptions],
) -> Publication:
    """Add metadata, labels or a description to a version, in its ``metadata.yaml``."""
    from registry_tool.edits.annotations import annotate as annotate_edit

    edit = annotate_edit(
        Reference.for_change(reference),
        metadata=metadata, remove=remove, labels=labels, description=description,
    )  # fmt: skip
    return write(registry, edit, options)


def add_evidence(
    registry: Snapshot,
    reference: str,
    kind: str,
    fields: Mapping[str, object],
    *,
    by: str | None = None,
    at: str = "",
    name: str = "",
    **options: Unpack[WriteOptions],
) -> Publication:
    """Add a record of evidence to a version; it never changes afterwards."""
    from registry_tool.edits.annotations import add_evidence as evidence_edit

    version = Reference.for_change(reference)
    session = ChangeSession(registry, **options)
    who = session.require_author(by)
    return session.publish(evidence_edit(version, kind, fields, by=who, at=at, name=name))


def add_model_evidence(
    registry: Snapshot,
    model: str,
    kind: str,
    fields: Mapping[str, object],
    *,
    by: str | None = None,
    at: str = "",
    name: str = "",
    **options: Unpack[WriteOptions],
) -> Publication:
    """Add a record of evidence about a model itself; it never changes afterwards."""
    from registry_tool.edits.annotations import add_model_evidence as evidence_edit

    full = ModelName.parse(model)
    session = ChangeSession(registry, **options)
    who = session.require_author(by)
    return session.publish(evidence_edit(full, kind, fields, by=who, at=at, name=name))


def add_model(
    registry: Snapshot,
    name: str,
    fields: Mapping[str, object],
    *,
    card: str = "",
    artifacts: Sequence[ArtifactSource] = (),
    allow: Collection[str] = (),
    title: str = "",
    **options: Unpack[WriteOptions],
) -> Publication:
    """Add a model, and its namespace when it is the first model there.

    Args:
        registry: The registry.
        name: ``[namespace/]model``.
        fields: Fields of ``model.yaml``: owner (the author by default), task, description, labels, license and so on.
        card: The text of its ``CARD.md``; a short one is written by default.
        artifacts: Files and folders that belong to all versions, and addresses of others.
        allow: As for ``NewVersion``.
        title: Its shown name, where that is not its name.
        options: How it is written.
    """
    from registry_tool.api.changes.staging import describe_tracked
    from registry_tool.edits.models import add_model as model_edit
    from registry_tool.edits.models import check_new_model
    from registry_tool.manifests.arguments import check_fields
    from registry_tool.manifests.values import plain_fields

    full = ModelName.parse(name)
    fields = plain_fields(fields)
    check_fields("model/v2", fields)
    session = ChangeSession(registry, **options)
    if "owner" not in fields:
        fields = {"owner": session.require_author(), **fields}
    check_new_model(session.catalog, full)
    staged = session.stage([one for one in artifacts if one.kind != "url"], allow=allow)
    tracked = describe_tracked((one for one in artifacts if one.kind == "url"), {})
    entries = [*staged.entries, *tracked]
    given = {**fields, "artifacts": entries} if entries else fields
    edit = model_edit(full, given, card=card, files=staged.pointers, title=title)
    return session.publish(edit)


def update_model(
    registry: Snapshot, name: str, fields: Mapping[str, object], **options: Unpack[WriteOptions]
) -> Publication:
    """Set or remove fields of a model's ``model.yaml``.

    Args:
        registry: The registry.
        name: The model.
        fields: Values by field: owner, task, description, labels, license, external_id, links, metadata, moved_to. None
            removes the field.
        options: How it is written.

    Raises:
        UsageError: A field cannot be changed.
    """
    from registry_tool.edits.model_fields import update_model as update_edit

    return write(registry, update_edit(ModelName.parse(name), fields), options)


@dataclass(frozen=True)
class EncryptTo:
    """Who can decrypt the artifacts of a new version.

    Attributes:
        recipients: People and groups of ``recipients.yaml``.
        passphrase: Returns a passphrase that opens them too; None for none.
    """

    recipients: Sequence[str] = ()
    passphrase: Callable[[], str] | None = None

    def key_file(self, package: Package) -> Callable[[Catalog], bytes]:
        """What writes the ``key.yaml`` of a version that is encrypted with a package's key."""
        from registry_tool.edits.encryption import key_bytes, passphrase_wrap
        from registry_tool.encryption import wrap_with_passphrase

        others = []
        if self.passphrase is not None:
            others.append(passphrase_wrap(wrap_with_passphrase(package.key, self.passphrase())))
        return lambda catalog: key_bytes(catalog, package.key, self.recipients, others)


@dataclass(frozen=True)
class NewVersion:
    """What the author of a version gives.

    Attributes:
        fields: Fields of ``version.yaml``: framework, environment, source, lineage, parameters, description, metadata and
            so on. The author is the one of the change by default.
        artifacts: Artifacts to store: files, folders, streams, URLs that are copied, artifacts of other versions.
        tracked: Artifacts whose address is recorded; they stay where they are.
        entries: Complete manifest entries of further tracked artifacts.
        roles: Roles by artifact name; guessed from the file's name by default.
        allow: Mistakes that are meant: ``empty`` for one file without bytes, ``mislabelled`` for content that
            contradicts its name.
        metrics: Manifest entries of metrics.
        labels: Labels; they can be changed later.
        tags: Immutable second names.
        aliases: Aliases that will point to it.
        encrypt_to: Who can decrypt its artifacts; None stores them as they are.
        title: Its shown name, where that is not the version.
    """

    fields: Mapping[str, object] = field(default_factory=dict)
    artifacts: Sequence[ArtifactSource] = ()
    tracked: Sequence[ArtifactSource] = ()
    entries: Sequence[Data] = ()
    roles: Mapping[str, str] = field(default_factory=dict)
    allow: Collection[str] = ()
    metrics: Sequence[Data] = ()
    labels: Sequence[str] = ()
    tags: Sequence[str] = ()
    aliases: Sequence[str] = ()
    encrypt_to: EncryptTo | None = None
    title: str = ""


def _check_can_add(
    catalog: Catalog, name: ModelName, version: str | None, record: NewVersion
) -> None:
    """Refuse what can be refused before any artifact is read."""
    from registry_tool.catalog.resolve import find_model
    from registry_tool.edits.pointers import check_names
    from registry_tool.edits.versions import check_accepts_versions, select_name

    try:
        model = find_model(catalog, name)
    except NotFoundError as exc:
        near = exc.remedy if exc.remedy.startswith("did you mean") else ""
        first = f"add the model first: registry model add {name} --owner TEAM --description TEXT"
        raise NotFoundError(exc.message, remedy=f"{near} Or {first}" if near else first) from exc
    check_accepts_versions(model)
    select_name(model, version)
    check_names(model, record.tags, record.aliases)


def _create_package(
    catalog: Catalog, encrypt_to: EncryptTo | None
) -> tuple[Package | None, Callable[[Catalog], bytes] | None]:
    """What encrypts the artifacts of a version, and what returns its ``key.yaml``."""
    if encrypt_to is None:
        return None, None
    from registry_tool.encryption import Package

    package = Package()
    key = encrypt_to.key_file(package)
    key(catalog)  # unknown recipients are reported before files are read
    return package, key


def add_version(
    registry: Snapshot,
    model: str,
    version: str | None,
    record: NewVersion,
    *,
    draft: bool = False,
    **options: Unpack[WriteOptions],
) -> Publication:
    """Add a version or draft to a model, with its artifacts, tags and aliases; ``publication.change.versions`` names it."""
    from registry_tool.api.changes.staging import describe_tracked
    from registry_tool.edits.drafts import add_draft as draft_edit
    from registry_tool.edits.versions import VersionRecord
    from registry_tool.edits.versions import add_version as version_edit

    name = ModelName.parse(model)
    session = ChangeSession(registry, **options)
    _check_can_add(session.catalog, name, version, record)
    package, key = _create_package(session.catalog, record.encrypt_to)
    staged = session.stage(
        record.artifacts, roles=record.roles, allow=record.allow, package=package
    )
    tracked = describe_tracked(record.tracked, record.roles)
    author = session.author()
    whole = VersionRecord(
        fields={**({"author": author} if author else {}), **record.fields},
        artifacts=[*staged.entries, *record.entries, *tracked],
        pointers=staged.pointers,
        metrics=record.metrics,
        labels=[*dict.fromkeys(record.labels)],
        tags=record.tags,
        aliases=record.aliases,
        key=key,
        title=record.title,
    )
    edit = draft_edit if draft else version_edit
    return session.publish(edit(name, version, whole, gone=session.removed_versions))


def write_codeowners(
    registry: Snapshot, host: Host | None = None, **options: Unpack[WriteOptions]
) -> Publication:
    """Write the owners of the registry and its namespaces into ``CODEOWNERS``."""
    from registry_tool.edits.codeowners import write_codeowners as codeowners_edit

    return write(registry, codeowners_edit(host), options)


@dataclass(frozen=True)
class CodeownersCheck:
    """Whether ``CODEOWNERS`` is up to date.

    Attributes:
        message: The result in a sentence.
        outdated: The files that would change.
        notes: Notes for the user.
    """

    message: str
    outdated: tuple[str, ...]
    notes: tuple[str, ...]


def check_codeowners(registry: Snapshot, host: Host | None = None) -> CodeownersCheck:
    """Compare ``CODEOWNERS`` with the owners; nothing is written."""
    from registry_tool.edits.codeowners import write_codeowners as codeowners_edit

    change = codeowners_edit(host)(registry.catalog)
    return CodeownersCheck(change.message, tuple(change.puts), change.notes)
