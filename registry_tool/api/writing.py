"""The façade's use cases that change a registry or what it stores.

Each takes ``WriteOptions``: where the change is written, who makes it, and who hears of its progress.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from registry_tool.api.snapshot import Snapshot

if TYPE_CHECKING:
    import datetime as dt

    from registry_tool.api.changes.editing import CodeownersCheck, EncryptTo, NewVersion
    from registry_tool.api.changes.encryption import KeyHolder
    from registry_tool.api.changes.publish import Publication, WriteOptions
    from registry_tool.api.changes.staging import ArtifactSource
    from registry_tool.api.interface.options import GcOptions, PurgeOptions
    from registry_tool.api.maintenance import ErasePreview, GcReport, PurgeReport
    from registry_tool.api.promotion import GateResults, Promotion
    from registry_tool.api.remotes import ConfiguredRemote, RemoteCopy, RestoredArtifact
    from registry_tool.api.scanning import Scan, ScanEvidence
    from registry_tool.api.signatures import BundleOutput
    from registry_tool.artifacts.progress import Progress
    from registry_tool.edits.codeowners import Host
    from registry_tool.edits.drafts import DraftChanges

__all__ = ["WritableRegistry"]


def _ignore(_: object) -> None:
    pass


class WritableRegistry(Snapshot):
    """A registry that can be changed."""

    # Edits: each is checked, then written to the work tree or as one commit.

    def add_model(
        self,
        name: str,
        fields: Mapping[str, object],
        *,
        card: str = "",
        artifacts: Sequence[ArtifactSource] = (),
        allow: Collection[str] = (),
        title: str = "",
        **options: Unpack[WriteOptions],
    ) -> Publication:
        """Add a model, and its namespace when it is the first model there."""
        from registry_tool.api.changes.editing import add_model

        return add_model(
            self, name, fields, card=card, artifacts=artifacts, allow=allow, title=title, **options
        )

    def update_model(
        self, name: str, fields: Mapping[str, object], **options: Unpack[WriteOptions]
    ) -> Publication:
        """Set fields of a model: owner, task, description, labels, license, external_id, links, metadata; None removes."""
        from registry_tool.api.changes.editing import update_model

        return update_model(self, name, fields, **options)

    def add_version(
        self,
        model: str,
        version: str | None,
        record: NewVersion,
        *,
        draft: bool = False,
        **options: Unpack[WriteOptions],
    ) -> Publication:
        """Add a version or draft with its artifacts, tags and aliases; ``publication.change.versions`` names it."""
        from registry_tool.api.changes.editing import add_version

        return add_version(self, model, version, record, draft=draft, **options)

    def edit_draft(
        self, reference: str, changes: DraftChanges, **options: Unpack[WriteOptions]
    ) -> Publication:
        """Change a draft: fields, artifacts, metrics, reserved names."""
        from registry_tool.api.changes.drafting import edit_draft

        return edit_draft(self, reference, changes, **options)

    def delete_draft(self, reference: str, **options: Unpack[WriteOptions]) -> Publication:
        """Delete a draft; its version is not used again."""
        from registry_tool.api.changes.drafting import delete_draft

        return delete_draft(self, reference, **options)

    def seal(
        self,
        reference: str,
        *,
        tags: Sequence[str] = (),
        aliases: Sequence[str] = (),
        **options: Unpack[WriteOptions],
    ) -> Publication:
        """Publish a draft: it becomes a version and gets its reserved tags and aliases. It cannot be undone."""
        from registry_tool.api.changes.drafting import seal

        return seal(self, reference, tags=tags, aliases=aliases, **options)

    def seal_older(self, age: dt.timedelta, **options: Unpack[WriteOptions]) -> Publication:
        """Seal every draft that has a model and did not change for some time, as one change."""
        from registry_tool.api.changes.drafting import seal_older

        return seal_older(self, age, **options)

    def annotate(
        self,
        reference: str,
        *,
        metadata: Mapping[str, object] | None = None,
        remove: Sequence[str] = (),
        labels: Sequence[str] = (),
        description: str | None = None,
        **options: Unpack[WriteOptions],
    ) -> Publication:
        """Add metadata, labels or a description to a version."""
        from registry_tool.api.changes.editing import annotate

        return annotate(
            self, reference,
            metadata=metadata, remove=remove, labels=labels, description=description, **options,
        )  # fmt: skip

    def add_evidence(
        self,
        reference: str,
        kind: str,
        fields: Mapping[str, object],
        *,
        by: str | None = None,
        at: str = "",
        name: str = "",
        **options: Unpack[WriteOptions],
    ) -> Publication:
        """Add evidence to a version: an evaluation, metrics, an approval, a scan, a note."""
        from registry_tool.api.changes.editing import add_evidence

        return add_evidence(self, reference, kind, fields, by=by, at=at, name=name, **options)

    def add_model_evidence(
        self,
        model: str,
        kind: str,
        fields: Mapping[str, object],
        *,
        by: str | None = None,
        at: str = "",
        name: str = "",
        **options: Unpack[WriteOptions],
    ) -> Publication:
        """Add evidence about a model itself: metrics, an evaluation, a note."""
        from registry_tool.api.changes.editing import add_model_evidence

        return add_model_evidence(self, model, kind, fields, by=by, at=at, name=name, **options)

    def set_alias(
        self, reference: str, alias: str, *, reason: str = "", **options: Unpack[WriteOptions]
    ) -> Publication:
        """Create an alias, or move it, to the version that a reference names."""
        from registry_tool.api.changes.editing import set_alias

        return set_alias(self, reference, alias, reason=reason, **options)

    def remove_alias(self, model: str, alias: str, **options: Unpack[WriteOptions]) -> Publication:
        """Remove an alias; the version stays."""
        from registry_tool.api.changes.editing import remove_alias

        return remove_alias(self, model, alias, **options)

    def add_tag(self, reference: str, tag: str, **options: Unpack[WriteOptions]) -> Publication:
        """Add an immutable tag to a version."""
        from registry_tool.api.changes.editing import add_tag

        return add_tag(self, reference, tag, **options)

    def deprecate(
        self, reference: str, *, reason: str, replaced_by: str = "", **options: Unpack[WriteOptions]
    ) -> Publication:
        """Mark a version as not for new work; it is still served."""
        from registry_tool.api.changes.editing import set_state

        return set_state(
            self, reference, "deprecated", reason=reason, replaced_by=replaced_by, **options
        )

    def withdraw(
        self,
        reference: str,
        *,
        reason: str,
        replaced_by: str = "",
        remove_aliases: bool = False,
        **options: Unpack[WriteOptions],
    ) -> Publication:
        """Take a version out of service; no alias may point to it, unless ``remove_aliases``."""
        from registry_tool.api.changes.editing import set_state

        return set_state(
            self, reference, "withdrawn",
            reason=reason, replaced_by=replaced_by, remove_aliases=remove_aliases, **options,
        )  # fmt: skip

    def archive(self, model: str, **options: Unpack[WriteOptions]) -> Publication:
        """Archive a model: it keeps its versions and accepts no new ones."""
        from registry_tool.api.changes.editing import archive

        return archive(self, model, **options)

    def set_title(self, subject: str, title: str, **options: Unpack[WriteOptions]) -> Publication:
        """Set the shown name of a model, a version, tag or alias, or ``namespace/``; empty removes it. No path moves."""
        from registry_tool.api.changes.titles import set_title

        return set_title(self, subject, title, **options)

    def set_wire(
        self,
        subject: str,
        api: str,
        data: Mapping[str, object] | None,
        **options: Unpack[WriteOptions],
    ) -> Publication:
        """Replace what one protocol says of a model or a version in its ``wire.yaml``; None removes it."""
        from registry_tool.api.changes.titles import set_wire

        return set_wire(self, subject, api, data, **options)

    def put_object(
        self,
        api: str,
        kind: str,
        title: str,
        data: Mapping[str, object] | None = None,
        *,
        parent: str = "",
        state: str = "",
        **options: Unpack[WriteOptions],
    ) -> Publication:
        """Add an object of another protocol: an experiment, a run, a serving environment."""
        from registry_tool.api.changes.titles import put_object

        return put_object(self, api, kind, title, data, parent=parent, state=state, **options)

    def delete(
        self,
        subject: str,
        *,
        reason: str,
        remove_aliases: bool = False,
        **options: Unpack[WriteOptions],
    ) -> Publication:
        """Delete a version, or a model with all its versions: not served, not listed; the title is free. It cannot be undone."""
        from registry_tool.api.changes.titles import delete

        return delete(self, subject, reason=reason, remove_aliases=remove_aliases, **options)

    def write_codeowners(
        self, host: Host | None = None, **options: Unpack[WriteOptions]
    ) -> Publication:
        """Write the owners of the registry and its namespaces into ``CODEOWNERS``."""
        from registry_tool.api.changes.editing import write_codeowners

        return write_codeowners(self, host, **options)

    def check_codeowners(self, host: Host | None = None) -> CodeownersCheck:
        """Compare ``CODEOWNERS`` with the owners; nothing is written."""
        from registry_tool.api.changes.editing import check_codeowners

        return check_codeowners(self, host)

    # Promotion.

    def gates(self, reference: str, stage: str, *, branch: str | None = None) -> GateResults:
        """Evaluate every gate of a stage for a version; nothing is changed."""
        from registry_tool.api.promotion import evaluate_gates

        return evaluate_gates(self, reference, stage, branch=branch)

    def promote(
        self,
        reference: str,
        stage: str,
        *,
        reason: str = "",
        automatic: bool = False,
        **options: Unpack[WriteOptions],
    ) -> Promotion:
        """Move a stage to a version, if every gate passes; see ``api.promotion``."""
        from registry_tool.api.promotion import promote

        return promote(self, reference, stage, reason=reason, automatic=automatic, **options)

    def rollback(
        self, model: str, stage: str, *, reason: str, to: str = "", **options: Unpack[WriteOptions]
    ) -> Publication:
        """Move a stage back to its last good version, and pin it."""
        from registry_tool.api.promotion import rollback

        return rollback(self, model, stage, reason=reason, to=to, **options)

    # Signatures and encryption.

    def sign(
        self,
        reference: str,
        *,
        key: str | None = None,
        by: str | None = None,
        **options: Unpack[WriteOptions],
    ) -> Publication:
        """Sign the record of a version with an SSH key."""
        from registry_tool.api.signatures import sign

        return sign(self, reference, key=key, by=by, **options)

    def sign_artifacts(
        self,
        reference: str,
        *,
        key: str | None,
        passphrase: Callable[[str], str],
        names: Sequence[str] = (),
        folder: str | None = None,
        output: BundleOutput | None = None,
        by: str | None = None,
        **options: Unpack[WriteOptions],
    ) -> Publication:
        """Sign the content of a version's artifacts with OpenSSF Model Signing; see ``api.signatures``."""
        from registry_tool.api.signatures import sign_artifacts

        return sign_artifacts(
            self, reference, key=key, passphrase=passphrase, names=names, folder=folder,
            output=output, by=by, **options,
        )  # fmt: skip

    def scan_and_record(
        self,
        reference: str,
        *,
        by: str | None = None,
        on_scanned: Callable[[Scan], None] = _ignore,
        on_skipped: Callable[[str], None] = _ignore,
        **options: Unpack[WriteOptions],
    ) -> ScanEvidence:
        """Scan a version, and record the result as evidence."""
        from registry_tool.api.scanning import scan_and_record

        return scan_and_record(
            self, reference, by=by, on_scanned=on_scanned, on_skipped=on_skipped, **options
        )

    def encrypt(
        self,
        reference: str,
        name: str | None = None,
        *,
        to: EncryptTo,
        **options: Unpack[WriteOptions],
    ) -> Publication:
        """Add a version again with encrypted artifacts."""
        from registry_tool.api.changes.encryption import encrypt

        return encrypt(self, reference, name, to=to, **options)

    def rekey(
        self,
        reference: str,
        name: str | None = None,
        *,
        holder: KeyHolder,
        to: EncryptTo,
        **options: Unpack[WriteOptions],
    ) -> Publication:
        """Add an encrypted version again with a new key."""
        from registry_tool.api.changes.encryption import rekey

        return rekey(self, reference, name, holder=holder, to=to, **options)

    def rewrap(
        self,
        subject: str,
        *,
        holder: KeyHolder | None = None,
        to: EncryptTo,
        **options: Unpack[WriteOptions],
    ) -> Publication:
        """Re-encrypt the key of a version or group for its current recipients."""
        from registry_tool.api.changes.encryption import rewrap

        return rewrap(self, subject, holder=holder, to=to, **options)

    # Deleting and remotes.

    def erase(
        self,
        reference: str,
        *,
        reason: str,
        with_tags: bool = False,
        confirm: Callable[[ErasePreview], bool] | None = None,
        **options: Unpack[WriteOptions],
    ) -> Publication | None:
        """Erase a version: its record stays, its pointer files are deleted; see ``api.maintenance``."""
        from registry_tool.api.maintenance import erase

        return erase(
            self, reference, reason=reason, with_tags=with_tags, confirm=confirm, **options
        )

    def purge(self, reference: str, **options: Unpack[PurgeOptions]) -> PurgeReport:
        """Delete the objects of an erased version from the remote, unless something uses them."""
        from registry_tool.api.maintenance import purge

        return purge(self, reference, **options)

    def gc(self, **options: Unpack[GcOptions]) -> GcReport:
        """Report missing and unreferenced objects of the remote, and delete the latter; see ``api.maintenance``."""
        from registry_tool.api.maintenance import collect_garbage

        return collect_garbage(self, **options)

    def restore_artifact(
        self,
        reference: str,
        source: Path,
        *,
        artifact: str | None = None,
        progress: Progress | None = None,
    ) -> RestoredArtifact:
        """Upload the files of an artifact that the remote has lost."""
        from registry_tool.api.interface.progress import SILENT
        from registry_tool.api.remotes import restore_artifact

        return restore_artifact(
            self, reference, source, artifact=artifact, progress=progress or SILENT
        )

    def remotes(self) -> list[ConfiguredRemote]:
        """The remotes of the registry's DVC configuration."""
        from registry_tool.api.remotes import list_remotes

        return list_remotes(self)

    def trust_host(self, name: str, host: str | None = None) -> str:
        """Confirm the host of a remote, so that it gets credentials; the host."""
        from registry_tool.api.remotes import trust_host

        return trust_host(self, name, host)

    def copy_remote(
        self,
        to: str,
        *,
        source: str | None = None,
        dry_run: bool = False,
        on_planned: Callable[[RemoteCopy], None] = _ignore,
        progress: Progress | None = None,
    ) -> RemoteCopy:
        """Copy the objects of all versions to another remote; see ``api.remotes``."""
        from registry_tool.api.interface.progress import SILENT
        from registry_tool.api.remotes import copy_remote

        return copy_remote(
            self, to, source=source, dry_run=dry_run, on_planned=on_planned, progress=progress or SILENT
        )  # fmt: skip
