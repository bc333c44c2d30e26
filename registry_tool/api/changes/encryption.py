"""Encrypted versions: encrypt, change keys, re-encrypt keys for other recipients, decrypt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Unpack

from registry_tool.api.changes.artifact_store import StagedArtifact
from registry_tool.api.changes.editing import EncryptTo
from registry_tool.api.changes.session import ChangeSession
from registry_tool.artifacts.content_policy import ALLOWED
from registry_tool.artifacts.dvc_files import Pointer, render_pointer
from registry_tool.artifacts.progress import SILENT, Progress
from registry_tool.catalog.recipients import (
    group_document,
    key_document,
    list_encrypted,
    list_members,
    read_groups,
)
from registry_tool.catalog.resolve import resolve
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.edits.encryption import passphrase_wrap, set_group_key, set_version_key
from registry_tool.edits.versions import VersionRecord
from registry_tool.edits.versions import add_version as version_edit
from registry_tool.encryption import (
    KeyHolder,
    Package,
    decrypt_version,
    new_key,
    read_identities,
    wrap_with_passphrase,
)
from registry_tool.errors import NotFoundError, RefusedError, UsageError
from registry_tool.manifests.data import Data, records, text, texts
from registry_tool.names import Reference

if TYPE_CHECKING:
    from registry_tool.api.changes.publish import Publication, WriteOptions
    from registry_tool.api.snapshot import Snapshot
    from registry_tool.artifacts.transfer.ingest import IngestedBlob
    from registry_tool.catalog.catalog import Catalog, VersionView
    from registry_tool.manifests.problems import JSON

__all__ = [
    "Decrypted",
    "EncryptTo",
    "KeyHolder",
    "decrypt",
    "encrypt",
    "read_identities",
    "rekey",
    "rewrap",
]

# Fields that a new version does not take from the old one.
_OWN = frozenset({"schema", "model", "version", "artifacts", "identity", "same_as", "created_at", "metrics"})  # fmt: skip
_KEPT = "a previous recipient may have kept the key; `registry rekey` gives a version a new one"


class Decrypted(NamedTuple):
    """The files of a version that was decrypted.

    Attributes:
        version: The version.
        artifacts: Name and path of each artifact.
    """

    version: VersionView
    artifacts: list[tuple[str, Path]]


def _stage(
    session: ChangeSession, version: VersionView, again: Callable[[Data], StagedArtifact]
) -> tuple[list[dict[str, JSON]], dict[str, bytes]]:
    """The entries and pointer files of the new version; tracked artifacts stay as they are."""
    session.store.reach()
    listed = records(version.data, "artifacts")
    tracked = [dict(entry) for entry in listed if "uri" in entry]
    staged = session.add_staged([again(entry) for entry in listed if "uri" not in entry])
    return [*staged.entries, *tracked], staged.pointers


def _add_again(
    session: ChangeSession,
    version: VersionView,
    name: str | None,
    *,
    package: Package,
    to: EncryptTo,
    again: Callable[[Data], StagedArtifact],
) -> Publication:
    key = to.key_file(package)
    key(session.catalog)  # unknown recipients are reported before files are read
    entries, pointers = _stage(session, version, again)
    fields = {key: value for key, value in version.data.items() if key not in _OWN}
    record = VersionRecord(
        fields={**fields, "same_as": str(version)},
        artifacts=entries,
        pointers=pointers,
        metrics=records(version.data, "metrics"),
        key=key,
    )
    return session.publish(version_edit(version.model.name, name, record))


def _pointer_file(entry: Data, ingested: IngestedBlob) -> bytes:
    return render_pointer(Pointer(text(entry, "path"), text(entry, "md5"), ingested.size, None))


def encrypt(
    registry: Snapshot,
    reference: str,
    name: str | None = None,
    *,
    to: EncryptTo,
    **options: Unpack[WriteOptions],
) -> Publication:
    """Add a version again with encrypted artifacts; it has the same identity and says ``same_as``.

    Args:
        registry: The registry.
        reference: The version.
        name: The name of the new version; the next one by default, where the scheme counts.
        to: Who can decrypt it.
        options: How it is written.

    Raises:
        RefusedError: The version is already encrypted.
    """
    if not to.recipients and to.passphrase is None:
        raise UsageError("no recipient could decrypt it", remedy="--to WHO, or --new-passphrase")
    session = ChangeSession(registry, **options)
    version = resolve(session.catalog, Reference.for_change(reference)).version
    if list_encrypted(version):
        raise RefusedError(
            f"{version} is already encrypted",
            remedy=f"for other recipients: registry rewrap {version}; with another key: registry rekey {version}",
        )
    package = Package()

    def again(entry: Data) -> StagedArtifact:
        made = package.take_in(
            session.store.fetch(entry), str(entry["path"]), str(entry["role"]),
            settings=session.catalog.settings, cache=session.store.cache, progress=session.progress,
            allow=ALLOWED,  # its content is published
        )  # fmt: skip
        whole = {k: v for k, v in {**entry, **made.entry}.items() if k not in {"nfiles", "files"}}
        pointer = _pointer_file(whole, made.ingested)
        return StagedArtifact(whole, pointer, made.ingested, made.findings)

    return _add_again(session, version, name, package=package, to=to, again=again)


def rekey(
    registry: Snapshot,
    reference: str,
    name: str | None = None,
    *,
    holder: KeyHolder,
    to: EncryptTo,
    **options: Unpack[WriteOptions],
) -> Publication:
    """Add an encrypted version again with a new key, and so with new content in the remote.

    Args:
        registry: The registry.
        reference: The version.
        name: The name of the new version; the next one by default, where the scheme counts.
        holder: Decrypts the old key.
        to: Who can decrypt the new version; the recipients of the old one by default.
        options: How it is written.
    """
    session = ChangeSession(registry, **options)
    version = resolve(session.catalog, Reference.for_change(reference)).version
    old = holder.open_version(version)
    document = key_document(version)
    wraps = records(None if document is None else document.data, "wraps")
    readers = tuple(name for one in wraps for name in texts(one, "to"))
    package = Package()

    def again(entry: Data) -> StagedArtifact:
        if "encryption" not in entry:
            return session.store.take_again(entry)
        made = package.take_over(session.store.fetch(entry), entry, old, session.store.cache)
        return StagedArtifact(made.entry, _pointer_file(made.entry, made.ingested), made.ingested)

    if not to.recipients and to.passphrase is None:
        to = EncryptTo(readers)
    return _add_again(session, version, name, package=package, to=to, again=again)


def _rewrap_group(
    catalog: Catalog, group: str, holder: KeyHolder | None, recipients: Sequence[str]
) -> Edit:
    """The edit for a group: its key for its members, created where it has none."""
    members = list_members(catalog, group)
    if recipients:
        raise UsageError(
            "the key of a group is for its members", remedy="add them to recipients.yaml"
        )
    if group_document(catalog, group) is None:
        return set_group_key(group, new_key(), members)
    if holder is None:
        raise UsageError(
            f"the group {group} has a key, and no identity to decrypt it is given",
            remedy="--identity FILE",
        )
    return set_group_key(group, holder.open_group(catalog, group), members)


def _rewrap_version(
    catalog: Catalog, reference: Reference, holder: KeyHolder, to: EncryptTo
) -> Edit:
    version = resolve(catalog, reference, allow_withdrawn=True).version
    key = holder.open_version(version)
    document = key_document(version)
    wraps = records(None if document is None else document.data, "wraps")
    if to.passphrase is not None:
        others = [passphrase_wrap(wrap_with_passphrase(key, to.passphrase()))]
    else:  # those for passphrases stay: they cannot be renewed without knowing them
        others = [dict(one) for one in wraps if text(one, "kind") == "passphrase"]
    readers = [name for one in wraps for name in texts(one, "to")]
    exact = Reference(version.model.name, version.version)
    return set_version_key(exact, key, [*(to.recipients or readers)], others)


def _with_note(edit: Edit) -> Edit:
    """The edit, with a note on its limits; a key that is new had no recipients before."""

    def add_note(catalog: Catalog) -> ChangeSet:
        change = edit(catalog)
        is_update = any(catalog.tree.entry(path) is not None for path in change.puts)
        return replace(change, notes=(_KEPT,)) if is_update else change

    return add_note


def rewrap(
    registry: Snapshot,
    subject: str,
    *,
    holder: KeyHolder | None = None,
    to: EncryptTo,
    **options: Unpack[WriteOptions],
) -> Publication:
    """Re-encrypt the key of a version, or of a group, for its current recipients. The stored files do not change.

    Args:
        registry: The registry.
        subject: A version's reference, or the name of a group of ``recipients.yaml``.
        holder: Decrypts the key; None only for a group that has no key yet.
        to: The new recipients; those of before by default. A group's are its members.
        options: How it is written.
    """
    session = ChangeSession(registry, **options)
    catalog = session.catalog
    if "/" not in subject and "@" not in subject:
        if subject not in read_groups(catalog):
            known = ", ".join(read_groups(catalog)) or "none"
            raise NotFoundError(
                f"recipients.yaml has no group {subject}", remedy=f"groups: {known}"
            )
        edit = _rewrap_group(catalog, subject, holder, to.recipients)
    else:
        reference = Reference.for_change(subject)
        if holder is None:
            raise UsageError(
                "no identity to decrypt the key with",
                remedy="--identity FILE with your age or SSH key, or --passphrase",
            )
        edit = _rewrap_version(catalog, reference, holder, to)
    return session.publish(_with_note(edit))


def decrypt(
    registry: Snapshot,
    reference: str,
    folder: Path,
    *,
    holder: KeyHolder,
    names: Sequence[str] = (),
    overwrite: bool = False,
    progress: Progress = SILENT,
) -> Decrypted:
    """Fetch a version and decrypt it into a folder; see ``encryption.keyring.decrypt_version``."""
    version = registry.resolve(reference).version
    done = decrypt_version(
        version,
        lambda entry: registry.store.fetch(entry, progress=progress),
        holder,
        folder,
        names=names,
        overwrite=overwrite,
        progress=progress,
    )
    return Decrypted(version, list(done))
