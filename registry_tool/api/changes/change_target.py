"""What models and versions in a change share, whether they are new or published."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, SupportsFloat, SupportsIndex

from registry_tool.api.views import Artifact
from registry_tool.artifacts.entry_builder import MetricValue, metric_entry, tracked_entry
from registry_tool.errors import UsageError
from registry_tool.manifests.arguments import check_fields
from registry_tool.manifests.data import Data, in_order, text
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.values import plain_fields, plain_text, whole_number

if TYPE_CHECKING:
    from registry_tool.api.changes.artifact_store import ArtifactStore, StagedArtifact
    from registry_tool.catalog.catalog import Catalog
    from registry_tool.edits.changeset import ChangeSet, Edit

__all__ = ["ChangeContext", "ChangeTarget", "Source", "portions"]

Source = str | Path | Artifact
# A manifest has at most 10,000 metrics and 256 kB; a portion of a long series stays well below both.
_MOST_METRICS: Final = 5_000
_MOST_BYTES: Final = 150_000
_KNOWN: Final = frozenset({"size", "sha256", "etag", "media_type"})


def _as_source(source: Source) -> Path | str | Artifact:
    """A path, unless it is a URL or an artifact."""
    from registry_tool.artifacts.remotes.url import is_url

    return Path(source) if isinstance(source, str) and not is_url(source) else source


def portions(metrics: Iterable[Data]) -> Iterator[list[Data]]:
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


class ChangeContext(Protocol):
    """The change that models and versions are part of; see ``api.change.Change``."""

    store: ArtifactStore

    @property
    def author(self) -> str:
        """Who makes the change, as ``Name <email>``; empty when that is unknown."""
        ...

    @property
    def base(self) -> Catalog:
        """The registry that the change is made on."""
        ...

    def add(self, edit: Edit) -> None:
        """Add an edit."""
        ...

    def take_in(
        self,
        source: Path | Sequence[Path] | str | Artifact,
        *,
        name: str = "",
        role: str = "",
        path: str = "",
        allow: Collection[str] = (),
    ) -> StagedArtifact:
        """Read and digest files, a URL or an artifact; they are uploaded when the change is published."""
        ...


class ChangeTarget(ABC):
    """A model or version in a change, new or published."""

    def __init__(self, change: ChangeContext) -> None:
        self._change = change
        self._is_registered = False
        self._entries: list[Data] = []
        self._pointers: dict[str, bytes] = {}
        self._metrics: list[Data] = []
        self._metadata: dict[str, JSON] = {}

    @abstractmethod
    def edit(self, catalog: Catalog) -> ChangeSet:
        """Write everything that was added to it by now."""

    @abstractmethod
    def _parent(self) -> str:
        """What its artifacts belong to; UsageError while that has no name."""

    def _list_published(self) -> list[Data]:
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
            UsageError: A value has another type or is too long, or is a number that would become 0, infinity or another whole
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
            sources: One or several: a path, a URL whose bytes are copied into the remote, or an artifact of a
                published version, whose bytes are in the remote already. A folder becomes one artifact with all its files.
            name: The artifact's name; the file's own by default. Several files and folders under one name become
                one folder, in which none may take the place of another.
            role: model, checkpoint, document, dataset, tokenizer, code, metrics, signature or other; guessed from
                the file's name by default.
            path: The file name next to the manifest.
            allow: Likely mistakes that are intended: ``empty`` for one file without bytes,
                ``mislabelled`` for content that contradicts its name.

        Returns:
            The artifacts that were added.

        Raises:
            UsageError: There is no such file, it changed while it was read, two artifacts have one name or place, or the
                role is unknown.
            RemoteError: A URL cannot be read, or the remote lacks the bytes that are taken over.
            RefusedError: Its content is refused, by the policy or as a mistake that ``allow`` does not name; or the
                version is published, and encrypted.
        """
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
            UsageError: An address is not a URI, two artifacts have one name, or a name goes with several addresses.
        """
        listed = [uris] if isinstance(uris, str) else list(uris)
        if len(listed) != 1 and (name or known):
            raise UsageError("a name, size, sha256, etag or media type goes with a single address")
        if unknown := sorted(known.keys() - _KNOWN):
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
        return tuple(self._artifact(entry) for entry in (*self._list_published(), *self._entries))

    def _artifact(self, entry: Data) -> Artifact:
        return Artifact.of(entry, self._change.store.fetch, self._parent)

    def _names(self) -> Iterator[str]:
        """The names that another artifact cannot have."""
        return (text(entry, "name") for entry in (*self._list_published(), *self._entries))

    def _add(self, entry: Data) -> None:
        name = text(entry, "name")
        if name in self._names():
            raise UsageError(
                f"there are two artifacts named {name}", remedy="give one of them another name"
            )
        self._entries.append(entry)
        self._register()
