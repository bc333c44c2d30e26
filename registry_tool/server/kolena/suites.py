"""Kolena's calls about test suites."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from registry_tool.errors import NotFoundError
from registry_tool.live.records import ObjectRecord
from registry_tool.manifests.data import text, texts, whole
from registry_tool.manifests.problems import JSON
from registry_tool.server.http.faces import JsonResponse
from registry_tool.server.kolena.bodies import (
    CreateSuiteBody,
    EditSuiteBody,
    LoadAllBody,
    LoadVersionBody,
    SuiteContentBody,
    check_name,
    read_body,
)
from registry_tool.server.kolena.cases import render_case
from registry_tool.server.kolena.errors import IncorrectUsageError, NameConflictError
from registry_tool.server.kolena.lookup import SUITE_KIND, Lookup, look_up
from registry_tool.server.kolena.rows.parquet import Column, Table
from registry_tool.server.kolena.suite_edits import (
    NewSuite,
    SuiteChange,
    add_suite,
    change_suite,
)

if TYPE_CHECKING:
    from registry_tool.server.changes import ChangeWriter
    from registry_tool.server.kolena.rows.bulk import BulkCalls
    from registry_tool.server.kolena.rows.samples import SampleStore
    from registry_tool.server.service import Service

__all__ = ["SuiteCalls", "render_suite"]

_ROWS: Final = "suite"
_SHOWN: Final = 120
_COLUMNS: Final = (
    Column("test_case_id", "whole"),
    Column("test_sample"),
    Column("test_sample_metadata"),
)


def render_suite(lookup: Lookup, suite: ObjectRecord, version: ObjectRecord) -> dict[str, JSON]:
    """A version of a test suite, as clients see it."""
    return {
        "id": version.id,
        "name": suite.shown,
        "version": whole(version.data, "version"),
        "description": text(suite.data, "description"),
        "test_cases": [render_case(case) for case in lookup.suite_cases(version)],
        "workflow": text(suite.data, "workflow"),
        "tags": [*texts(suite.data, "tags")],
    }


class SuiteCalls:
    """The calls, over a service.

    Args:
        service: What they answer from.
        changes: Writes.
        bulk: Downloads.
        samples: The samples of test cases.
    """

    def __init__(
        self, service: Service, changes: ChangeWriter, bulk: BulkCalls, samples: SampleStore
    ) -> None:
        self._service = service
        self._changes = changes
        self._bulk = bulk
        self._samples = samples
        bulk.provide(_ROWS, self._make_rows)

    async def create(self, request: Request) -> Response:
        """``POST generic/test-suite/create``."""
        body = await read_body(request, CreateSuiteBody)
        lookup = look_up(self._service, request)
        name = check_name(body.name, "test suite")
        if lookup.find_suite(name) is not None:
            raise NameConflictError(f"the test suite {name!a} already exists", remedy="load it, or choose another name")  # fmt: skip
        new = NewSuite(name, body.description, body.workflow, lookup.home, body.tags or ())
        await self._changes.write(request, lookup.home, add_suite(new))
        return self._answer(request, name, None)

    async def load(self, request: Request) -> Response:
        """``PUT generic/test-suite/load``."""
        body = await read_body(request, LoadVersionBody)
        return self._answer(request, body.name, body.version)

    def _answer(self, request: Request, name: str, version: int | None) -> Response:
        lookup = look_up(self._service, request)
        suite = lookup.find_suite(name)
        found = None if suite is None else lookup.suite_version(suite, version)
        if suite is None or found is None:
            which = "" if version is None else f"version {version} of "
            raise NotFoundError(f"{which}test suite {name[:_SHOWN]!a} not found")
        return JsonResponse(render_suite(lookup, suite, found))

    async def load_all(self, request: Request) -> Response:
        """``PUT generic/test-suite/load-all``: the newest version of each suite of a workflow that has all of some tags."""
        body = await read_body(request, LoadAllBody)
        lookup = look_up(self._service, request)
        wanted, found = set(body.tags or ()), []
        for suite in lookup.objects_of_workflow(SUITE_KIND, body.workflow):
            newest = lookup.suite_version(suite, None)
            if newest is not None and wanted.issubset(texts(suite.data, "tags")):
                found.append(render_suite(lookup, suite, newest))
        return JsonResponse({"test_suites": found})

    async def edit(self, request: Request) -> Response:
        """``POST generic/test-suite/edit``: another list of test cases makes the next version; what is left out stays."""
        body = await read_body(request, EditSuiteBody)
        lookup = look_up(self._service, request)
        suite, version = lookup.suite(body.test_suite_id)
        namespace = text(suite.data, "namespace")
        self._service.require(lookup.subject, "write", namespace)
        self._check_newest(lookup, suite, version, body.current_version)
        if body.name not in {None, suite.shown}:
            raise IncorrectUsageError(f"test suite {suite.shown!a} keeps its name")
        cases = self._find_cases(lookup, body.test_case_ids, text(suite.data, "workflow"))
        change = SuiteChange(body.description, body.tags, [case.slug for case in cases])
        await self._changes.write(request, namespace, change_suite(suite, version, change))
        return self._answer(request, suite.shown, None)

    @staticmethod
    def _check_newest(
        lookup: Lookup, suite: ObjectRecord, version: ObjectRecord, current: int
    ) -> None:
        newest = lookup.suite_version(suite, None)
        if whole(version.data, "version") != current:
            raise IncorrectUsageError(
                f"test suite {version.id} is version {whole(version.data, 'version')}, not {current}"
            )
        if newest is not None and newest.id != version.id:
            raise NameConflictError(
                f"the test suite {suite.shown!a} was edited by another client: its newest version is"
                f" {whole(newest.data, 'version')}",
                remedy="load it, and edit that",
            )

    @staticmethod
    def _find_cases(lookup: Lookup, ids: list[int], workflow: str) -> list[ObjectRecord]:
        found = [lookup.case(number) for number in ids]
        other = next((one for one in found if text(one.data, "workflow") != workflow), None)
        if other is not None:
            raise IncorrectUsageError(
                f"the test case {other.shown!a} is of the workflow {text(other.data, 'workflow')!a}, and the suite of {workflow!a}"
            )
        if len({one.shown for one in found}) < len(found):
            raise IncorrectUsageError("a test suite has each test case once")
        return found

    # --- samples

    async def load_samples(self, request: Request) -> Response:
        """``PUT generic/test-suite/load-test-samples``."""
        body = await read_body(request, SuiteContentBody)
        lookup = look_up(self._service, request)
        _, version = lookup.suite(body.test_suite_id)
        return await self._bulk.answer(lookup, _ROWS, str(version.id), body.batch_size)

    def _make_rows(self, lookup: Lookup, target: str) -> Table:
        _, version = lookup.suite(int(target))
        found = Table.build(_COLUMNS, {})
        for case in lookup.suite_cases(version):
            table = self._samples.open(lookup, case)
            found = found.followed_by(table.add(_COLUMNS[0], [case.id] * table.rows))
        return found
