"""Projects, models and versions by UUID, in one snapshot and for one subject. A project is a namespace."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.access.subjects import Subject
from registry_tool.errors import NotFoundError
from registry_tool.live.ids import make_namespace_uuid
from registry_tool.live.parts import decode
from registry_tool.live.records import ModelRecord, NamespaceRecord, Record, VersionRecord
from registry_tool.live.snapshot import Snapshot
from registry_tool.manifests.data import text

if TYPE_CHECKING:
    from registry_tool.server.service import Service

__all__ = ["Lookup"]

_OWNER: Final = "registry"
_SHOWN: Final = 120


def _namespace(record: Record) -> Hashable:
    return record.name.namespace if isinstance(record, ModelRecord) else None


class Lookup(NamedTuple):
    """How a request finds things.

    Attributes:
        service: Finds by UUID.
        snapshot: The state that it is answered from.
        subject: Who makes it; a namespace that they may not read does not exist.
        home: The namespace that exists for the protocol before it has a model.
    """

    service: Service
    snapshot: Snapshot
    subject: Subject
    home: str

    @property
    def owner(self) -> str:
        """The owner of all projects: the name of the registry."""
        return text(decode(self.snapshot.settings), "name") or _OWNER

    # --- projects

    def projects(self) -> list[NamespaceRecord]:
        """The namespaces that the subject may read, by name."""
        names = {*self.snapshot.namespaces, self.home}
        return [self.project(name) for name in sorted(names) if self.subject.sees(name)]

    def project(self, namespace: str) -> NamespaceRecord:
        """A namespace, also one that does not exist yet."""
        return self.snapshot.namespaces.get(namespace) or NamespaceRecord(namespace)

    def find_projects(self, name: str) -> list[NamespaceRecord]:
        """The projects with a name: ``PROJECT``, or ``OWNER/PROJECT`` as MLSteam writes it; those that are shown so come first."""
        every, start = self.projects(), f"{self.owner}/"
        own = [one for one in every if one.shown == name]
        own += [one for one in every if one.name == name and one not in own]
        if own or not name.startswith(start):
            return own
        return self.find_projects(name.removeprefix(start))

    def project_with(self, puuid: str) -> NamespaceRecord:
        """The project with a UUID.

        Raises:
            NotFoundError: There is none.
        """
        wanted = puuid.lower()
        for one in self.projects():
            if make_namespace_uuid(one.name) == wanted:
                return one
        raise NotFoundError(f"project {puuid[:_SHOWN]!a} not found")

    # --- models and versions

    def models(self, project: NamespaceRecord) -> Iterator[ModelRecord]:
        """The models of a project, in the order of creation."""
        ids = self.snapshot.indexes.find("model", "namespace", _namespace, project.name)
        found = map(self.snapshot.records.get, ids)
        return (model for model in found if isinstance(model, ModelRecord))

    def model_with(self, puuid: str, muuid: str) -> ModelRecord:
        """The model of a project with a UUID.

        Raises:
            NotFoundError: There is none.
        """
        project = self.project_with(puuid)
        found = self.service.find_uuid(self.snapshot, muuid)
        if not isinstance(found, ModelRecord) or found.name.namespace != project.name:
            raise NotFoundError(
                f"model {muuid[:_SHOWN]!a} not found in the project {project.shown!a}"
            )
        return found

    def version_with(self, puuid: str, muuid: str, vuuid: str) -> VersionRecord:
        """The version of a model with a UUID.

        Raises:
            NotFoundError: There is none.
        """
        model = self.model_with(puuid, muuid)
        found = self.service.find_uuid(self.snapshot, vuuid)
        if not isinstance(found, VersionRecord) or found.model != model.name:
            raise NotFoundError(
                f"version {vuuid[:_SHOWN]!a} not found in the model {model.shown!a}"
            )
        return found
