"""Models and versions in the making, and what may still be said about published ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, SupportsFloat, SupportsIndex

from registry_tool.api.views import Artifact
from registry_tool.artifacts.entry_builder import MetricValue, metric_entry, tracked_entry
from registry_tool.edits.annotations import add_evidence, annotate
from registry_tool.edits.versions import VersionRecord, add_version, version_fields
from registry_tool.errors import UsageError
from registry_tool.manifests.data import Data, text
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.values import plain_fields, whole_number
from registry_tool.names import ModelName, Reference

if TYPE_CHECKING:
    from registry_tool.api.change import Change
    from registry_tool.catalog.catalog import Catalog
    from registry_tool.edits.changeset import ChangeSet

__all__ = ["ModelDraft", "PublishedVersion", "VersionDraft"]

Source = str | Path | Artifact


def _given(source: Source) -> Path | str | Artifact | list[Path]:
    """A path, unless it is a URL or an artifact."""
    from registry_tool.artifacts.remotes.url import is_url

    return Path(source) if isinstance(source, str) and not is_url(source) else source


class _Holder:
    """Artifacts of a model or version in the making."""

    def __init__(self, change: Change) -> None:
        self._change = change
        self._entries: list[Data] = []
        self._pointers: dict[str, bytes] = {}

    def _add(self, entry: Data) -> None:
        name = text(entry, "name")
        if any(text(e, "name") == name for e in self._entries):
            raise UsageError(
                f"there are two artifacts named {name}", remedy="give one of them another name"
            )
        self._entries.append(entry)

    def upload_artifact(
        self,
        sources: Source | Sequence[Source],
        *,
        name: str = "",
        role: str = "",
        path: str = "",
        allow: Collection[str] = (),
    ) -> tuple[Artifact, ...]:
        """Take in files and folders; they are uploaded when the change is published.

        Args:
            sources: One or several: a path, a URL whose bytes are brought into the store, or an artifact of a
                published version, whose bytes are there. A folder becomes one artifact with all its files.
            name: The artifact's name; the file's own by default. Several files and folders under one name become
                one folder, in which none may take the place of another.
            role: model, checkpoint, document, dataset, tokenizer, code, metrics, signature or other; guessed from
                the file's name by default.
            path: What it is called beside the manifest.
            allow: What is meant although it looks like a mistake: ``empty`` for one file without bytes,
                ``mislabelled`` for content that contradicts its name.

        Returns:
            The artifacts that were added.

        Raises:
            UsageError: There is no such file, it changed while it was read, or two artifacts have one name or place.
            RemoteError: A URL cannot be read, or the remote lacks the bytes that are taken over.
            RefusedError: Its content is refused, by the policy or as a mistake that ``allow`` does not name.
        """
        listed = [sources] if isinstance(sources, str | Path | Artifact) else list(sources)
        given = [_given(source) for source in listed]
        files = [source for source in given if isinstance(source, Path)]
        if len(given) > 1 and (name or path):
            if not name or len(files) != len(given):
                raise UsageError("a name goes with one source, or with several files and folders")
            given = [files]
        added = []
        for source in given:
            taken = self._change.take_in(source, name=name, role=role, path=path, allow=allow)
            self._add(taken.entry)
            self._pointers[text(taken.entry, "path")] = taken.pointer
            added.append(Artifact.of(taken.entry, self._change.store.fetch))
        return tuple(added)

    def track_artifacts(
        self,
        uris: str | Sequence[str],
        *,
        name: str = "",
        role: str = "",
        **known: str | SupportsIndex,
    ) -> tuple[Artifact, ...]:
        """Record artifacts that lie elsewhere; their bytes stay there.

        Args:
            uris: One address or several.
            name: The artifact's name, for a single address.
            role: As in ``upload_artifact``.
            known: ``size`` in bytes, ``sha256``, ``etag``, for a single address.

        Raises:
            UsageError: Two artifacts have one name, or a name goes with several addresses.
        """
        listed = [uris] if isinstance(uris, str) else list(uris)
        if len(listed) != 1 and (name or known):
            raise UsageError("a name, size, sha256 or etag goes with a single address")
        size = known.get("size")
        added = []
        for uri in listed:
            entry = tracked_entry(
                uri,
                name=name,
                role=role,
                size=None if size is None else whole_number(size, "size"),
                sha256=str(known.get("sha256", "")),
                etag=str(known.get("etag", "")),
            )
            self._add(entry)
            added.append(Artifact.of(entry, self._change.store.fetch))
        return tuple(added)

    def artifacts(self) -> tuple[Artifact, ...]:
        """The artifacts added so far."""
        return tuple(Artifact.of(entry, self._change.store.fetch) for entry in self._entries)


class ModelDraft(_Holder):
    """A registered model in a change: new, or one that is there."""

    def __init__(self, change: Change, name: ModelName) -> None:
        super().__init__(change)
        self.name = name

    def entries(self) -> list[Data]:
        """The entries of the model's own artifacts."""
        return self._entries

    def pointers(self) -> dict[str, bytes]:
        """The pointers of the model's own artifacts, by path."""
        return self._pointers

    def new_version(
        self,
        version: str | None = None,
        *,
        artifacts: Source | Sequence[Source] = (),
        unique_tags: Iterable[str] = (),
        labels: Iterable[str] = (),
        **fields: object,
    ) -> VersionDraft:
        """Add a version.

        Args:
            version: Its name; by default the next one, where the scheme counts.
            artifacts: Files and folders to upload.
            unique_tags: Fixed second names.
            labels: Labels; they can be changed later.
            fields: Fields of ``version.yaml``: description, framework, environment, source, lineage, parameters,
                signature, metadata, external_id, same_as, name, author, created_at. Values of NumPy, PyTorch and such
                become plain data; see ``manifests.incoming``.

        Raises:
            UsageError: A file is missing, two artifacts have one name, or a value has no form in a manifest.
        """
        draft = VersionDraft(
            self._change,
            self.name,
            version,
            fields=version_fields(fields),
            tags=tuple(unique_tags),
            labels=tuple(labels),
        )
        if artifacts:
            draft.upload_artifact(artifacts)
        self._change.add(draft.act)
        return draft


class VersionDraft(_Holder):
    """A version in the making; frozen when the change is published."""

    def __init__(
        self,
        change: Change,
        model: ModelName,
        version: str | None,
        *,
        fields: Mapping[str, JSON],
        tags: tuple[str, ...],
        labels: tuple[str, ...],
    ) -> None:
        super().__init__(change)
        self.model = model
        self.version = version
        self._fields = dict(fields)
        self._tags = tags
        self._labels = labels
        self._metrics: list[Data] = []

    def log_metrics(
        self,
        metrics: Mapping[str, MetricValue],
        *,
        step: SupportsIndex | None = None,
        wallclock: SupportsFloat | datetime | None = None,
    ) -> None:
        """Add measured values.

        Args:
            metrics: Number, text or bytes by name. A scalar of NumPy, PyTorch or another library is the number that it
                stands for; NaN and infinity become the texts ``NaN`` and ``Infinity``.
            step: The training step, from 0.
            wallclock: When, in seconds since 1970, as ``time.time()`` gives, or a time with its zone.

        Raises:
            UsageError: A value is none of these, or a number that would become 0, infinity or another whole number.
        """
        for key, value in metrics.items():
            self._metrics.append(metric_entry(key, value, step=step, wallclock=wallclock))

    def update_metadata(self, key: str, value: object) -> None:
        """Set one key of the free metadata.

        Raises:
            UsageError: The value has no form in a manifest; see ``manifests.incoming``.
        """
        metadata = self._fields.get("metadata")
        given = plain_fields({key: value}, "metadata")
        self._fields["metadata"] = {**(metadata if isinstance(metadata, dict) else {}), **given}

    def act(self, catalog: Catalog) -> ChangeSet:
        """The act that adds the version as it stands; it learns its name by it."""
        author = self._change.author
        fields: dict[str, JSON] = {"author": author} if author else {}
        record = VersionRecord(
            fields={**fields, **self._fields},
            artifacts=tuple(self._entries),
            pointers=dict(self._pointers),
            metrics=tuple(self._metrics),
            labels=self._labels,
            tags=self._tags,
        )
        return add_version(self.model, self.version, record)(catalog)


class PublishedVersion:
    """A version that is there: its record is frozen, but things may be said about it."""

    def __init__(self, change: Change, reference: Reference) -> None:
        self._change = change
        self.reference = reference

    def log_metrics(
        self,
        metrics: Mapping[str, MetricValue],
        *,
        step: SupportsIndex | None = None,
        wallclock: SupportsFloat | datetime | None = None,
    ) -> None:
        """Add values that were measured later, as evidence; see ``VersionDraft.log_metrics``."""
        entries = [
            metric_entry(key, value, step=step, wallclock=wallclock)
            for key, value in metrics.items()
        ]
        self.add_evidence("metrics", {"metrics": entries})

    def add_evidence(
        self, kind: str, fields: Mapping[str, object], *, by: str = "", name: str = ""
    ) -> None:
        """Add a record of evidence; see ``schemas/evidence``.

        Args:
            kind: evaluation, metrics, approval, scan, signature or note.
            fields: What that kind says.
            by: Who says it; the Git identity by default.
            name: The file's name; made from date and content by default.

        Raises:
            UsageError: A value has no form in a manifest; see ``manifests.incoming``.
        """
        who = by or self._change.author
        self._change.add(add_evidence(self.reference, kind, fields, by=who, name=name))

    def update_metadata(self, key: str, value: object) -> None:
        """Set one key of the free metadata, in ``metadata.yaml``.

        Raises:
            UsageError: The value has no form in a manifest; see ``manifests.incoming``.
        """
        self._change.add(annotate(self.reference, metadata={key: value}))

    def annotate(self, *, labels: Sequence[str] = (), description: str | None = None) -> None:
        """Add labels, or set the description that stands in for the record's."""
        self._change.add(annotate(self.reference, labels=labels, description=description))
