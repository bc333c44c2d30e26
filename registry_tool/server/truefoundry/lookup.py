"""Models and versions by TrueFoundry's names, in one snapshot and for one subject."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.access.subjects import Subject
from registry_tool.errors import NotFoundError
from registry_tool.live.ids import number_namespace
from registry_tool.live.parts import decode
from registry_tool.live.records import (
    ModelRecord,
    NamespaceRecord,
    ObjectRecord,
    Record,
    VersionRecord,
)
from registry_tool.live.snapshot import Snapshot
from registry_tool.manifests.data import member, text
from registry_tool.server.truefoundry.manifest import API
from registry_tool.server.truefoundry.names import MODEL, FullName, name_model, name_repo

if TYPE_CHECKING:
    from registry_tool.server.long_series import LongSeries
    from registry_tool.server.service import Service

__all__ = ["BATCH_KIND", "REPO_KIND", "RUN_KIND", "SERIES_KIND", "Lookup", "read_tenant"]

REPO_KIND: Final = "ml-repo"
"""The kind of object that an ML repo is."""
RUN_KIND: Final = "run"
"""That of a run."""
BATCH_KIND: Final = "run-batch"
"""That of the values that were logged to a run at once."""

SERIES_KIND: Final = "run-series"
"""That of the metrics of a long run."""

_TENANT: Final = "registry"
_SHOWN: Final = 120
_UUID: Final = 36  # characters


def read_tenant(snapshot: Snapshot) -> str:
    """The tenant: the name of the registry."""
    return text(decode(snapshot.settings), "name") or _TENANT


def _named(record: Record) -> Hashable:
    return f"{record.name.namespace}/{name_model(record)}" if isinstance(record, ModelRecord) else None  # fmt: skip


def _namespace(record: Record) -> Hashable:
    if isinstance(record, ModelRecord):
        return record.name.namespace
    return text(record.data, "namespace") or None if isinstance(record, ObjectRecord) else None


def _run(record: Record) -> Hashable:
    """The run that a version came from."""
    if not isinstance(record, VersionRecord):
        return None
    wire = member(record.file("wire.yaml"), API)
    return text(wire, "run_id") or text(record.data, "source", "run_id") or None


class Lookup(NamedTuple):
    """How a request finds things.

    Attributes:
        service: Finds by UUID.
        snapshot: The state that it is answered from.
        subject: Who makes it; a namespace that they may not read does not exist.
        home: The namespace of manifests that name no ML repo.
        series: Reads the long series of runs.
    """

    service: Service
    snapshot: Snapshot
    subject: Subject
    home: str
    series: LongSeries

    @property
    def tenant(self) -> str:
        """The tenant of every name."""
        return read_tenant(self.snapshot)

    # --- ML repos

    def namespace(self, name: str) -> NamespaceRecord:
        """A namespace; one without a file of its own is shown as its ML repo, else by its name."""
        found = self.snapshot.namespaces.get(name)
        if found is not None:
            return found
        record = self._repo_objects(name)
        title = record[-1].shown if record else ""
        return NamespaceRecord(name, "" if title == name else title)

    def _repo_objects(self, namespace: str) -> list[ObjectRecord]:
        ids = self.snapshot.indexes.find(f"{API}/{REPO_KIND}", "namespace", _namespace, namespace)
        found = map(self.snapshot.records.get, ids)
        return [record for record in found if isinstance(record, ObjectRecord)]

    def find_repo_object(self, repo: NamespaceRecord) -> ObjectRecord | None:
        """What a client wrote about an ML repo; None where none did."""
        return next(reversed(self._repo_objects(repo.name)), None)

    def namespaces(self) -> list[NamespaceRecord]:
        """The namespaces that the subject may read, by name; ML repos without models included."""
        repos = self.snapshot.listed(f"{API}/{REPO_KIND}")
        named = (text(one.data, "namespace") for one in repos if isinstance(one, ObjectRecord))
        names = {*self.snapshot.namespaces, *named}
        return [self.namespace(name) for name in sorted(names) if self.subject.sees(name)]

    def models_in(self, namespace: str) -> Iterator[ModelRecord]:
        """The models of a namespace, in the order of creation."""
        ids = self.snapshot.indexes.find("model", "namespace", _namespace, namespace)
        found = map(self.snapshot.records.get, ids)
        return (model for model in found if isinstance(model, ModelRecord))

    def find_repo(self, name: str) -> NamespaceRecord | None:
        """The namespace that is an ML repo; None where there is none, or the subject may not read it."""
        return next((one for one in self.namespaces() if name_repo(one) == name), None)

    def find_repo_numbered(self, number: str) -> NamespaceRecord | None:
        """The namespace with a number; None where there is none."""
        found = (one for one in self.namespaces() if str(number_namespace(one.name)) == number)
        return next(found, None)

    def repo_numbered(self, number: str) -> NamespaceRecord:
        """The namespace with a number.

        Raises:
            NotFoundError: There is none.
        """
        found = self.find_repo_numbered(number)
        if found is None:
            raise NotFoundError(f"ML repo with id {number[:_SHOWN]!a} not found")
        return found

    # --- models and versions

    def sees(self, record: Record) -> bool:
        """True for a record that the subject may read."""
        if isinstance(record, ModelRecord):
            return self.subject.sees(record.name.namespace)
        if isinstance(record, VersionRecord):
            return self.subject.sees(record.model.namespace)
        return self.subject.sees(text(record.data, "namespace") or self.home)

    def find_model(self, namespace: str, name: str) -> ModelRecord | None:
        """The model of a namespace with TrueFoundry's name; None where there is none."""
        if not self.subject.sees(namespace) or not MODEL.fullmatch(name):
            return None
        own = self.snapshot.model_shown(namespace, name)
        if own is not None:
            return own
        wanted = f"{namespace}/{name}"
        ids = self.snapshot.indexes.find("model", "truefoundry name", _named, wanted)
        found = next((self.snapshot.records.get(number) for number in ids), None)
        return found if isinstance(found, ModelRecord) else None

    def models_named(self, name: str) -> Iterator[ModelRecord]:
        """The models with a name, of all namespaces that the subject may read."""
        for namespace in self.namespaces():
            found = self.find_model(namespace.name, name)
            if found is not None:
                yield found

    def find_full_name(self, name: FullName) -> ModelRecord | None:
        """The model of a fully qualified name; None where there is none."""
        repo = self.find_repo(name.repo) if name.tenant == self.tenant else None
        return None if repo is None else self.find_model(repo.name, name.name)

    def find_version(self, model: ModelRecord, version: str) -> VersionRecord | None:
        """The version of a model with a number or an alias, or ``latest``; None where there is none."""
        if version.isascii() and version.isdecimal():
            found = self.snapshot.version_numbered(model.name, int(version[:18]))
        elif version == "latest":
            found = max(self.snapshot.versions(model), key=self.snapshot.number, default=None)
        else:
            path = self.find_alias(model, version)
            found = None if path is None else self.snapshot.alias(model, path)
        return found if found is not None and found.is_listed else None

    def find_alias(self, model: ModelRecord, alias: str) -> str | None:
        """The file name of an alias; None where the model has none of this name."""
        names = {*model.aliases, *model.reserved}
        titled = self.snapshot.name_titled(model, alias)
        if titled in names:
            return titled
        return alias if alias in names and alias not in model.titles else None

    def _find(self, uuid: str) -> Record | None:
        found = self.service.find_uuid(self.snapshot, uuid)
        return found if found is not None and self.sees(found) else None

    def find_model_with_id(self, uuid: str) -> ModelRecord | None:
        """The model with an id; None where there is none."""
        found = self._find(uuid)
        return found if isinstance(found, ModelRecord) else None

    def model(self, uuid: str) -> ModelRecord:
        """The model with an id.

        Raises:
            NotFoundError: There is none.
        """
        found = self.find_model_with_id(uuid)
        if found is None:
            raise NotFoundError(f"model with id {uuid[:_SHOWN]!a} not found")
        return found

    def version(self, uuid: str) -> VersionRecord:
        """The version with an id.

        Raises:
            NotFoundError: There is none.
        """
        found = self._find(uuid)
        if not isinstance(found, VersionRecord):
            raise NotFoundError(f"model version with id {uuid[:_SHOWN]!a} not found")
        return found

    def versions_of_run(self, run: str) -> Iterator[VersionRecord]:
        """The versions that came from a run."""
        ids = self.snapshot.indexes.find("version", "truefoundry run", _run, run)
        found = map(self.snapshot.records.get, ids)
        return (one for one in found if isinstance(one, VersionRecord) and self.sees(one))

    # --- runs

    def find_run(self, uuid: str) -> ObjectRecord | None:
        """The run with an id; None where there is none."""
        found = self._find(uuid) if len(uuid) == _UUID else None
        is_run = isinstance(found, ObjectRecord) and (found.api, found.kind) == (API, RUN_KIND)
        return found if is_run and isinstance(found, ObjectRecord) else None

    def run(self, uuid: str) -> ObjectRecord:
        """The run with an id.

        Raises:
            NotFoundError: There is none.
        """
        found = self.find_run(uuid)
        if found is None:
            raise NotFoundError(f"run with id {uuid[:_SHOWN]!a} not found")
        return found

    def runs_in(self, namespace: str) -> Iterator[ObjectRecord]:
        """The runs of an ML repo, in the order of creation."""
        kind = f"{API}/{RUN_KIND}"
        ids = self.snapshot.indexes.find(kind, "namespace", _namespace, namespace)
        found = map(self.snapshot.records.get, ids)
        return (run for run in found if isinstance(run, ObjectRecord))

    def batches(self, run: ObjectRecord) -> Iterator[ObjectRecord]:
        """What was logged to a run, in the order of time."""
        found = self.snapshot.find(f"{API}/{BATCH_KIND}", "parent", f"{RUN_KIND}/{run.slug}")
        return (batch for batch in found if isinstance(batch, ObjectRecord))

    def series_of_run(self, run: ObjectRecord) -> Iterator[ObjectRecord]:
        """The series of a run, in the order of time."""
        found = self.snapshot.find(f"{API}/{SERIES_KIND}", "parent", f"{RUN_KIND}/{run.slug}")
        return (series for series in found if isinstance(series, ObjectRecord))

    @property
    def has_series(self) -> bool:
        """True where any run has some, so that what is shown of versions may need files."""
        return bool(self.snapshot.indexes.all_ids(f"{API}/{SERIES_KIND}"))
