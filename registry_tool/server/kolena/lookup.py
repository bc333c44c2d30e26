"""Models, test cases, suites and runs by Kolena's names and ids, in one snapshot and for one subject."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.access.subjects import Subject
from registry_tool.errors import NotFoundError
from registry_tool.live.records import ModelRecord, ObjectRecord, Record, VersionRecord
from registry_tool.live.snapshot import Snapshot
from registry_tool.manifests.data import member, text, texts, whole
from registry_tool.server.bare_names import find_model_named, write_bare_name
from registry_tool.server.http.faces import current_subject

if TYPE_CHECKING:
    from starlette.requests import Request

    from registry_tool.server.service import Service

__all__ = ["API", "CASE_KIND", "SUITE_KIND", "SUITE_VERSION_KIND", "Lookup", "look_up"]

API: Final = "kolena"
CASE_KIND: Final = "test-case"
"""The kind of object that one version of a test case is."""
SUITE_KIND: Final = "test-suite"
"""That of a test suite, with what all of its versions have."""
SUITE_VERSION_KIND: Final = "test-suite-version"
"""That of one version of a test suite."""

_SHOWN: Final = 120
_REFERENCE: Final = re.compile(r"(?P<model>.+)@(?P<selector>[^@]+)", re.DOTALL)


def _read_workflow(record: Record) -> str:
    """The workflow of a model, a test case or a suite; empty for none."""
    if isinstance(record, ObjectRecord):
        return text(record.data, "workflow")
    if isinstance(record, VersionRecord):
        return text(member(record.file("wire.yaml"), API), "workflow")
    return ""


def _workflow(record: Record) -> Hashable:
    return _read_workflow(record) or None


def _has_workflow(record: Record) -> Hashable:
    return True if _read_workflow(record) else None


class Lookup(NamedTuple):
    """How a request finds things.

    Attributes:
        service: The registry.
        snapshot: The state that it is answered from.
        subject: Who makes it; a namespace that they may not read does not exist.
        home: The namespace that the protocol writes to: its models have bare names.
    """

    service: Service
    snapshot: Snapshot
    subject: Subject
    home: str

    def sees(self, record: Record) -> bool:
        """True for a record that the subject may read."""
        if isinstance(record, VersionRecord):
            return self.subject.sees(record.model.namespace)
        if isinstance(record, ModelRecord):
            return self.subject.sees(record.name.namespace)
        return self.subject.sees(text(record.data, "namespace") or self.home)

    # --- models

    def find_registered(self, name: str) -> ModelRecord | None:
        """The model of the registry that a name without a version means; None where there is none."""
        visible = {name for name in self.snapshot.namespaces if self.subject.sees(name)}
        found = find_model_named(self.snapshot, name, self.home, visible)
        if found is None and "/" in name:
            namespace, _, shown = name.partition("/")
            found = self.snapshot.model_shown(namespace, shown)
        return found if found is not None and self.sees(found) else None

    def find_model(self, name: str) -> VersionRecord | None:
        """The version that is the model of a name: of ``lang-id@4`` and ``lang-id@production`` the one they name.

        Of a name without a version it is the one that was created through Kolena, else the newest.
        """
        model = self.find_registered(name)
        if model is not None:
            return self.choose_version(model)
        match = _REFERENCE.fullmatch(name)
        model = None if match is None else self.find_registered(match["model"])
        return None if model is None or match is None else self._select(model, match["selector"])

    def choose_version(self, model: ModelRecord) -> VersionRecord | None:
        """The version that a model stands for; None where it has none."""
        versions = [*self.snapshot.versions(model)]
        own = next((one for one in versions if _read_workflow(one)), None)
        return own or max(versions, key=self.snapshot.number, default=None)

    def _select(self, model: ModelRecord, selector: str) -> VersionRecord | None:
        snapshot = self.snapshot
        if selector == "latest":
            return max(snapshot.versions(model), key=snapshot.number, default=None)
        path = snapshot.name_titled(model, selector) or selector
        found = snapshot.version(model.name, path)
        if found is None and selector.isascii() and selector.isdecimal():
            found = snapshot.version_numbered(model.name, int(selector[:18]))
        found = found or snapshot.alias(model, path) or snapshot.tag(model, path)
        return found if found is not None and found.is_listed else None

    def model(self, number: int) -> VersionRecord:
        """The model with an id.

        Raises:
            NotFoundError: There is none.
        """
        found = self.snapshot.record(self.current_id(number))
        if not isinstance(found, VersionRecord) or not self.sees(found):
            raise NotFoundError(f"model {number} not found")
        return found

    def models_of(self, workflow: str) -> Iterator[VersionRecord]:
        """The models of a workflow, in the order of creation."""
        return (one for one in self._of_workflow("version", workflow) if isinstance(one, VersionRecord))  # fmt: skip

    def model_name(self, version: VersionRecord) -> str:
        """The name that means this version, whatever is added to its model."""
        model = self.snapshot.model_with(version)
        name = write_bare_name(model, self.home)
        is_own = bool(_read_workflow(version)) and self.choose_version(model) == version
        return name if is_own else f"{name}@{version.shown}"

    def model_workflow(self, version: VersionRecord) -> str:
        """The workflow of a model.

        A version of another protocol names none, and a client refuses a model of another workflow than its own: it is that of
        another version of its model, else its task, else the newest one.
        """
        own = _read_workflow(version)
        if own:
            return own
        model = self.snapshot.model_with(version)
        siblings = map(_read_workflow, self.snapshot.versions(model))
        found = next(filter(None, siblings), "")
        task = text(model.data, "task")
        known = self._newest_workflow()
        return found or (task if task and (not known or self._knows(task)) else known)

    def _knows(self, workflow: str) -> bool:
        kinds = ("version", f"{API}/{CASE_KIND}", f"{API}/{SUITE_KIND}")
        return any(next(self._of_workflow(kind, workflow), None) for kind in kinds)

    def _newest_workflow(self) -> str:
        indexes = self.snapshot.indexes
        for ids in (
            indexes.all_ids(f"{API}/{SUITE_KIND}"),
            indexes.all_ids(f"{API}/{CASE_KIND}"),
            indexes.find("version", "has kolena workflow", _has_workflow, wanted=True),
        ):
            for number in reversed(ids):
                record = self.snapshot.record(number)
                if record is not None and self.sees(record):
                    return _read_workflow(record)
        return ""

    def _of_workflow(self, kind: str, workflow: str) -> Iterator[Record]:
        ids = self.snapshot.indexes.find(kind, "kolena workflow", _workflow, workflow)
        found = map(self.snapshot.records.get, ids)
        return (one for one in found if one is not None and self.sees(one))

    # --- objects

    def current_id(self, number: int) -> int:
        """The id that an object has now, which had another one while it was proposed."""
        now = self.service.find_published(self.subject, number, self.snapshot)
        return now or number

    def find_object(self, kind: str, number: int) -> ObjectRecord | None:
        """The object of a kind with an id; None where there is none."""
        found = self.snapshot.record(self.current_id(number))
        is_one = isinstance(found, ObjectRecord) and (found.api, found.kind) == (API, kind)
        return found if is_one and isinstance(found, ObjectRecord) and self.sees(found) else None

    def objects_titled(self, kind: str, title: str) -> list[ObjectRecord]:
        """The objects of a kind with a title, in the order of creation."""
        found = self.snapshot.find(f"{API}/{kind}", "shown", title)
        return [one for one in found if isinstance(one, ObjectRecord) and self.sees(one)]

    def objects_of_workflow(self, kind: str, workflow: str) -> list[ObjectRecord]:
        """The objects of a kind that have a workflow, in the order of creation."""
        found = self._of_workflow(f"{API}/{kind}", workflow)
        return [one for one in found if isinstance(one, ObjectRecord)]

    def children(self, kind: str, parent: ObjectRecord) -> list[ObjectRecord]:
        """The objects of a kind that belong to another one, in the order of creation."""
        found = self.snapshot.find(f"{API}/{kind}", "parent", f"{parent.kind}/{parent.slug}")
        return [one for one in found if isinstance(one, ObjectRecord)]

    def find_case(self, name: str, version: int | None) -> ObjectRecord | None:
        """A version of a test case, the newest where it is None; None where there is none."""
        return _choose(self.objects_titled(CASE_KIND, name), version)

    def case(self, number: int) -> ObjectRecord:
        """The version of a test case with an id.

        Raises:
            NotFoundError: There is none.
        """
        found = self.find_object(CASE_KIND, number)
        if found is None:
            raise NotFoundError(f"test case {number} not found")
        return found

    def case_at(self, slug: str) -> ObjectRecord | None:
        """The version of a test case with a path."""
        return self.snapshot.object(API, CASE_KIND, slug)

    def find_suite(self, name: str) -> ObjectRecord | None:
        """A test suite; None where there is none."""
        return next(iter(self.objects_titled(SUITE_KIND, name)), None)

    def suite_version(self, suite: ObjectRecord, version: int | None) -> ObjectRecord | None:
        """A version of a test suite, the newest where it is None; None where there is none."""
        return _choose(self.children(SUITE_VERSION_KIND, suite), version)

    def suite(self, number: int) -> tuple[ObjectRecord, ObjectRecord]:
        """The test suite of which a version has an id, and that version.

        Raises:
            NotFoundError: There is none.
        """
        found = self.find_object(SUITE_VERSION_KIND, number)
        suite = None if found is None else self.suite_with(found)
        if found is None or suite is None:
            raise NotFoundError(f"test suite {number} not found")
        return suite, found

    def suite_with(self, version: ObjectRecord) -> ObjectRecord | None:
        """The test suite that a version belongs to."""
        return self.snapshot.object(API, SUITE_KIND, version.parent.partition("/")[2])

    def suite_cases(self, version: ObjectRecord) -> list[ObjectRecord]:
        """The test cases of a version of a suite, in their order."""
        found = (self.case_at(slug) for slug in texts(version.data, "test_cases"))
        return [one for one in found if one is not None]


def _choose(versions: list[ObjectRecord], wanted: int | None) -> ObjectRecord | None:
    if wanted is None:
        return max(versions, key=lambda one: whole(one.data, "version"), default=None)
    return next((one for one in versions if whole(one.data, "version") == wanted), None)


def look_up(service: Service, request: Request) -> Lookup:
    """What one request is answered from."""
    subject = current_subject(request)
    snapshot = service.snapshot_for(subject)
    return Lookup(service, snapshot, subject, service.writing_namespace(API))
