"""Models and versions in a change: those it adds, and published ones that it adds to.

All four share one set of methods: ``log_metrics``, ``update_metadata``, ``upload_artifact``, ``track_artifacts`` and
``artifacts``. Where the values go differs:

===================  =========================  =================  ==================================
of                   metrics                    metadata           artifacts
===================  =========================  =================  ==================================
a new version        its record                 its record         its record
a published version  evidence of the version    ``metadata.yaml``  evidence: tracked ones, none stored
a new model          evidence of the model      ``model.yaml``     ``model.yaml``
a published model    evidence of the model      ``model.yaml``     ``model.yaml``
===================  =========================  =================  ==================================

Arguments that cannot be valid are refused in the call; what depends on the registry is found when the change ends.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, SupportsFloat, SupportsIndex

from registry_tool.api.views import Artifact
from registry_tool.artifacts.entry_builder import MetricValue, metric_entry, tracked_entry
from registry_tool.catalog.catalog import VersionView
from registry_tool.catalog.resolve import find_model, resolve
from registry_tool.edits.annotations import add_evidence, add_model_evidence, annotate
from registry_tool.edits.changeset import ChangeSet, Edit, combined
from registry_tool.edits.models import add_model, extend_model
from registry_tool.edits.versions import VersionRecord, add_version, version_fields
from registry_tool.errors import NotFoundError, RefusedError, UsageError
from registry_tool.manifests.arguments import check_fields
from registry_tool.manifests.data import Data, in_order, records, text
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.values import plain_fields, plain_text, whole_number
from registry_tool.names import ModelName, Reference, check_new_name, check_pointer, check_version

if TYPE_CHECKING:
    from registry_tool.api.change import Change
    from registry_tool.catalog.catalog import Catalog

__all__ = ["ModelDraft", "PublishedModel", "PublishedVersion", "VersionDraft"]

Source = str | Path | Artifact
# A manifest has at most 10,000 metrics and 256 kB; a portion of a long series stays well below both.
_MOST_METRICS: Final = 5_000
_MOST_BYTES: Final = 150_000


def _as_source(source: Source) -> Path | str | Artifact:
    """A path, unless it is a URL or an artifact."""
    from registry_tool.artifacts.remotes.url import is_url

    return Path(source) if isinstance(source, str) and not is_url(source) else source


def _portions(metrics: Iterable[Data]) -> Iterator[list[Data]]:
    """Metrics in order, in portions that each fit into one manifest."""
    portion: list[Data] = []
    size = 0
    for entry in in_order(metrics):
        length = len(json.dumps(dict(entry)))
        if portion and (len(portion) >= _MOST_METRICS or size + length > _MOST_BYTES):
            yield portion
            portion, size = [], 0
        portion.append(entry)
        size += length
    if portion:
        yield portion


class _InChange(ABC):
    """A model or version in a change, new or published."""

    _is_frozen: ClassVar[bool] = False

    def __init__(self, change: Change) -> None:
        self._change = change
        self._is_registered = False
        self._entries: list[Data] = []
        self._pointers: dict[str, bytes] = {}
        self._metrics: list[Data] = []
        self._metadata: dict[str, JSON] = {}

    @abstractmethod
    def edit(self, catalog: Catalog) -> ChangeSet:
        """What it writes, with everything that was asked of it by now."""

    @abstractmethod
    def _parent(self) -> str:
        """What its artifacts belong to; UsageError while that has no name."""

    def _published(self) -> list[Data]:
        """The entries of the artifacts that it has already."""
        return []

    def _register(self) -> None:
        """Make it part of the change, at the place of the first call that needs it."""
        if not self._is_registered:
            self._is_registered = True
            self._change.add(self.edit)

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
                stands for; NaN and infinity become the texts ``NaN`` and ``Infinity``. At most 48 KiB of bytes and 16,384
                characters of text.
            step: The training step, from 0.
            wallclock: When, in seconds since 1970, as ``time.time()`` gives, or a time with its zone.

        Raises:
            UsageError: A value is none of these or too long, or a number that would become 0, infinity or another whole
                number; a name is not printable ASCII.
        """
        if not isinstance(metrics, Mapping):
            raise UsageError(
                f"metrics: found {type(metrics).__name__}, expected values by name",
                remedy='log_metrics({"accuracy": 0.97})',
            )
        added: list[Data] = []
        for key, value in metrics.items():
            entry = metric_entry(key, value, step=step, wallclock=wallclock)
            check_fields("version/v1", {"metrics": [entry]}, of=f"metric {key!a}")
            added.append(entry)
        self._metrics += added
        self._register()

    def update_metadata(self, key: str, value: object) -> None:
        """Set one key of the free metadata.

        Raises:
            UsageError: The value has no form in a manifest; see ``manifests.values``.
        """
        self._metadata.update(plain_fields({key: value}, "metadata"))
        self._register()

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
            path: The file name next to the manifest.
            allow: What is intended although it looks like a mistake: ``empty`` for one file without bytes,
                ``mislabelled`` for content that contradicts its name.

        Returns:
            The artifacts that were added.

        Raises:
            UsageError: There is no such file, it changed while it was read, two artifacts have one name or place, or the
                role is unknown.
            RemoteError: A URL cannot be read, or the remote lacks the bytes that are taken over.
            RefusedError: Its content is refused, by the policy or as a mistake that ``allow`` does not name; or the
                version is published, and its artifacts never change.
        """
        if self._is_frozen:
            version = self._parent()
            raise RefusedError(
                f"{version} is published, and its files never change",
                remedy="add the file to a new version; "
                f'or to the model: change.model("{version.partition("@")[0]}").upload_artifact(PATH); '
                "or record where it is: track_artifacts(URI)",
            )
        if role:
            check_fields("version/v1", {"artifacts": [{"name": "x", "role": role, "uri": "x:x"}]})
        listed = [sources] if isinstance(sources, str | Path | Artifact) else list(sources)
        given = [_as_source(source) for source in listed]
        files = [source for source in given if isinstance(source, Path)]
        units: list[Path | str | Artifact | list[Path]] = [*given]
        if len(given) > 1 and (name or path):
            if not name or len(files) != len(given):
                raise UsageError("a name goes with one source, or with several files and folders")
            units = [files]
        added = []
        for source in units:
            taken = self._change.take_in(source, name=name, role=role, path=path, allow=allow)
            self._add(taken.entry)
            self._pointers[text(taken.entry, "path")] = taken.pointer
            added.append(self._artifact(taken.entry))
        return tuple(added)

    def track_artifacts(
        self,
        uris: str | Sequence[str],
        *,
        name: str = "",
        role: str = "",
        **known: str | SupportsIndex,
    ) -> tuple[Artifact, ...]:
        """Record artifacts that are stored elsewhere; their bytes stay there.

        Args:
            uris: One address or several.
            name: The artifact's name, for a single address.
            role: As in ``upload_artifact``.
            known: ``size`` in bytes, ``sha256``, ``etag``, ``media_type``, for a single address.

        Raises:
            UsageError: An address is no URI, two artifacts have one name, or a name goes with several addresses.
        """
        listed = [uris] if isinstance(uris, str) else list(uris)
        if len(listed) != 1 and (name or known):
            raise UsageError("a name, size, sha256, etag or media type goes with a single address")
        if unknown := sorted(known.keys() - _KNOWN_OF_TRACKED):
            raise UsageError(
                f"track_artifacts has no argument {unknown[0]!a}",
                remedy="it has name, role, size, sha256, etag and media_type",
            )
        size = known.get("size")
        added = []
        for uri in listed:
            entry = tracked_entry(
                plain_text(uri, "uri"),
                name=name,
                role=role,
                size=None if size is None else whole_number(size, "size"),
                **{key: str(value) for key, value in known.items() if key != "size"},
            )
            check_fields("version/v1", {"artifacts": [entry]}, of=f"artifact {entry['name']}")
            self._add(entry)
            added.append(self._artifact(entry))
        return tuple(added)

    def artifacts(self) -> tuple[Artifact, ...]:
        """The artifacts that it has: published ones, and those added so far."""
        return tuple(self._artifact(entry) for entry in (*self._published(), *self._entries))

    def _artifact(self, entry: Data) -> Artifact:
        return Artifact.of(entry, self._change.store.fetch, self._parent)

    def _add(self, entry: Data) -> None:
        name = text(entry, "name")
        if any(text(e, "name") == name for e in (*self._published(), *self._entries)):
            raise UsageError(
                f"there are two artifacts named {name}", remedy="give one of them another name"
            )
        self._entries.append(entry)
        self._register()


_KNOWN_OF_TRACKED: Final = frozenset({"size", "sha256", "etag", "media_type"})


class _ModelInChange(_InChange):
    """A model in a change: versions can be added to it."""

    def __init__(self, change: Change, name: ModelName) -> None:
        super().__init__(change)
        self.name = name

    def _parent(self) -> str:
        return str(self.name)

    def _evidence(self) -> list[Edit]:
        """What adds the metrics that were logged: files of evidence about the model."""
        by = self._change.author
        return [
            add_model_evidence(self.name, "metrics", {"metrics": portion}, by=by)
            for portion in _portions(self._metrics)
        ]

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
                become plain data; see ``manifests.values``.

        Raises:
            InvalidNameError: The version or a tag is not well formed.
            UsageError: A file is missing, two artifacts have one name, or a field is unknown or cannot be valid.
        """
        if version is not None:
            check_new_name(check_version(version), "version")
        tags, words = tuple(unique_tags), [plain_text(label, "labels") for label in labels]
        for tag in tags:
            check_new_name(check_pointer(tag, "tag"), "tag")
        check_fields("metadata/v1", {"labels": [*words]})
        record = version_fields(fields)
        check_fields("version/v1", record)
        draft = VersionDraft(
            self._change, self.name, version, fields=record, tags=tags, labels=tuple(words)
        )
        draft.begin(artifacts)
        return draft


class ModelDraft(_ModelInChange):
    """A model that the change adds.

    Args:
        change: The change.
        name: The model's name.
        fields: Fields of its ``model.yaml``.
        card: The text of its ``CARD.md``.
    """

    def __init__(
        self, change: Change, name: ModelName, *, fields: Mapping[str, JSON], card: str
    ) -> None:
        super().__init__(change, name)
        self._fields = dict(fields)
        self._card = card
        self._register()

    def edit(self, catalog: Catalog) -> ChangeSet:
        """Add the model, and evidence of its metrics."""
        own = _with_metadata(self._fields, self._metadata)
        if self._entries:
            own["artifacts"] = [dict(entry) for entry in self._entries]
        added = add_model(self.name, own, card=self._card, files=self._pointers)
        return combined([added, *self._evidence()], f"Add model {self.name}")(catalog)


def _with_metadata(fields: Mapping[str, JSON], more: Mapping[str, JSON]) -> dict[str, JSON]:
    """Fields with keys laid over their free metadata."""
    free = fields.get("metadata")
    merged: JSON = {**(free if isinstance(free, dict) else {}), **more}
    return {**fields, "metadata": merged} if more else dict(fields)


class PublishedModel(_ModelInChange):
    """A published model that the change adds to."""

    def _published(self) -> list[Data]:
        with suppress(NotFoundError):  # an edit of this change may add it
            return records(find_model(self._change.base, self.name).data, "artifacts")
        return []

    def edit(self, catalog: Catalog) -> ChangeSet:
        """Change the record as far as that was asked for, and add evidence of metrics."""
        edits = self._evidence()
        if self._metadata or self._entries:
            extend = extend_model(
                self.name, metadata=self._metadata, artifacts=self._entries, files=self._pointers
            )
            edits.insert(0, extend)
        return combined(edits, f"Update model {self.name}")(catalog)


class VersionDraft(_InChange):
    """A version that the change adds; frozen when the change is published.

    Attributes:
        model: The model.
        version: Its name; of a version that gets its number when the change is published, None before that.
    """

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
        self._asked = version
        self._fields = dict(fields)
        self._tags = tags
        self._labels = labels

    def begin(self, artifacts: Source | Sequence[Source]) -> None:
        """Take in the first artifacts, and make the version part of the change if that succeeds."""
        self._is_registered = True
        if artifacts:
            self.upload_artifact(artifacts)
        self._change.add(self.edit)

    def _parent(self) -> str:
        if self.version is None:
            raise UsageError(
                f"the new version of {self.model} has no number until the change is published",
                remedy='ask after the `with` block, or name the version: new_version("4")',
            )
        return f"{self.model}@{self.version}"

    def edit(self, catalog: Catalog) -> ChangeSet:
        """Add the version; what of a long series does not fit into its record becomes evidence."""
        author = self._change.author
        fields: dict[str, JSON] = {"author": author} if author else {}
        first, *rest = [*_portions(self._metrics)] or [[]]
        record = VersionRecord(
            fields=_with_metadata({**fields, **self._fields}, self._metadata),
            artifacts=tuple(self._entries),
            pointers=dict(self._pointers),
            metrics=tuple(first),
            labels=self._labels,
            tags=self._tags,
        )
        added = add_version(self.model, self._asked, record)(catalog)
        self.version = added.message.rpartition("@")[2]
        exact = Reference(self.model, self.version)
        later = [
            add_evidence(exact, "metrics", {"metrics": portion}, by=author) for portion in rest
        ]
        return combined([lambda _: added, *later], added.message)(catalog) if later else added


class PublishedVersion(_InChange):
    """A published version: its record is frozen, and the change adds next to it."""

    _is_frozen = True

    def __init__(self, change: Change, reference: Reference) -> None:
        super().__init__(change)
        self.reference = reference

    def _view(self) -> VersionView | None:
        """The version as it is published; None where only an edit of this change may add it."""
        with suppress(NotFoundError):
            return resolve(self._change.base, self.reference, allow_withdrawn=True).version
        return None

    def _parent(self) -> str:
        return str(self._view() or self.reference)

    def _published(self) -> list[Data]:
        view = self._view()
        return [] if view is None else [*records(view.data, "artifacts"), *view.later_artifacts]

    def add_evidence(
        self, kind: str, fields: Mapping[str, object], *, by: str = "", name: str = ""
    ) -> None:
        """Add a record of evidence; see ``schemas/evidence``.

        Args:
            kind: evaluation, metrics, artifacts, approval, scan, signature or note.
            fields: What that kind says.
            by: Who says it; the Git identity by default.
            name: The file's name; made from date and content by default.

        Raises:
            UsageError: A value has no form in a manifest, or the schema does not allow it.
        """
        who = by or self._change.author
        self._change.add(add_evidence(self.reference, kind, fields, by=who, name=name))

    def annotate(self, *, labels: Sequence[str] = (), description: str | None = None) -> None:
        """Add labels, or set the description that replaces the record's.

        Raises:
            UsageError: The schema does not allow a label or the description.
        """
        self._change.add(annotate(self.reference, labels=labels, description=description))

    def edit(self, catalog: Catalog) -> ChangeSet:
        """Add metadata, and evidence of metrics and tracked artifacts."""
        by, edits = self._change.author, list[Edit]()
        if self._metadata:
            edits.append(annotate(self.reference, metadata=self._metadata))
        for portion in _portions(self._metrics):
            edits.append(add_evidence(self.reference, "metrics", {"metrics": portion}, by=by))
        if self._entries:
            fields = {"artifacts": self._entries}
            edits.append(add_evidence(self.reference, "artifacts", fields, by=by))
        return combined(edits, f"Update {self.reference}")(catalog)
