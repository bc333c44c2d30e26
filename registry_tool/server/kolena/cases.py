"""Kolena's calls about test cases."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from registry_tool.edits.changeset import Edit, combine
from registry_tool.errors import NotFoundError
from registry_tool.live.records import ObjectRecord
from registry_tool.manifests.data import text, whole
from registry_tool.manifests.problems import JSON
from registry_tool.server.http.faces import JsonResponse
from registry_tool.server.kolena.bodies import (
    BulkCasesBody,
    CaseContentBody,
    CreateBody,
    EditCaseBody,
    LoadVersionBody,
    check_name,
    read_body,
)
from registry_tool.server.kolena.case_edits import (
    NewCase,
    add_case,
    add_case_version,
    case_slug,
    next_case,
)
from registry_tool.server.kolena.errors import IncorrectUsageError, NameConflictError
from registry_tool.server.kolena.lookup import Lookup, look_up
from registry_tool.server.kolena.rows.samples import SampleStore, StoredSamples

if TYPE_CHECKING:
    from registry_tool.server.changes import ChangeWriter
    from registry_tool.server.kolena.rows.bulk import BulkCalls
    from registry_tool.server.kolena.rows.parquet import Table
    from registry_tool.server.service import Service

__all__ = ["CaseCalls", "render_case"]

_ROWS: Final = "case"
_SHOWN: Final = 120


def render_case(case: ObjectRecord) -> dict[str, JSON]:
    """A version of a test case, as clients see it."""
    return {
        "id": case.id,
        "name": case.shown,
        "version": whole(case.data, "version"),
        "description": text(case.data, "description"),
        "workflow": text(case.data, "workflow"),
    }


class CaseCalls:
    """The calls, over a service.

    Args:
        service: What they answer from.
        changes: Writes.
        bulk: Uploads and downloads.
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

    # --- one test case

    async def create(self, request: Request) -> Response:
        """``POST generic/test-case/create``."""
        body = await read_body(request, CreateBody)
        lookup = look_up(self._service, request)
        name = check_name(body.name, "test case")
        edit = add_case(NewCase(name, body.description, body.workflow, lookup.home))
        await self._changes.write(request, lookup.home, edit)
        return JsonResponse(render_case(self._find_written(request, name, 0)))

    async def load(self, request: Request) -> Response:
        """``PUT generic/test-case/load``."""
        body = await read_body(request, LoadVersionBody)
        found = look_up(self._service, request).find_case(body.name, body.version)
        if found is None:
            version = "" if body.version is None else f" version {body.version} of"
            raise NotFoundError(f"{version} test case {body.name[:_SHOWN]!a} not found".strip())
        return JsonResponse(render_case(found))

    async def edit(self, request: Request) -> Response:
        """``PUT generic/test-case/edit``: makes the next version."""
        body = await read_body(request, EditCaseBody)
        lookup = look_up(self._service, request)
        case = lookup.case(body.test_case_id)
        self._service.require(lookup.subject, "write", text(case.data, "namespace"))
        self._check_newest(lookup, case, body.current_version)
        has_chunks = await asyncio.to_thread(self._bulk.has_chunks, body.uuid)
        if has_chunks or body.reset:
            base = None if body.reset else case
            samples = await asyncio.to_thread(self._samples.take, lookup, base, body.uuid)
            data = next_case(case, body.description, samples.describe())
        else:
            data = next_case(case, body.description, _describe_samples(case), carried=True)
        edit = add_case_version(case.shown, data)
        await self._changes.write(request, text(case.data, "namespace"), edit)
        await asyncio.to_thread(self._bulk.forget, body.uuid)
        found = self._find_written(request, case.shown, whole(data, "version"))
        return JsonResponse(render_case(found))

    @staticmethod
    def _check_newest(lookup: Lookup, case: ObjectRecord, current: int) -> None:
        newest = lookup.find_case(case.shown, None)
        if whole(case.data, "version") != current:
            raise IncorrectUsageError(
                f"test case {case.id} is version {whole(case.data, 'version')}, not {current}"
            )
        if newest is not None and newest.id != case.id:
            raise NameConflictError(
                f"the test case {case.shown!a} was edited by another client: its newest version is"
                f" {whole(newest.data, 'version')}",
                remedy="load it, and edit that",
            )

    def _find_written(self, request: Request, name: str, version: int) -> ObjectRecord:
        found = look_up(self._service, request).case_at(case_slug(name, version))
        if found is None:
            raise NameConflictError(f"{name!a} was changed by another request", remedy="try again")
        return found

    # --- several

    async def process_all(self, request: Request) -> Response:
        """``POST generic/test-case/bulk-process``: creates, loads or resets test cases; all of them or none."""
        body = await read_body(request, BulkCasesBody)
        lookup = look_up(self._service, request)
        wanted = {check_name(one.name, "test case"): one.reset for one in body.test_cases}
        if len(wanted) < len(body.test_cases):
            raise IncorrectUsageError("a test case is named twice")
        before = {name: lookup.find_case(name, None) for name in wanted}
        for name, case in before.items():
            _check_workflow(name, case, body.workflow)
        changed = [name for name, case in before.items() if case is None or wanted[name]]
        samples: dict[str, StoredSamples] = {}
        if changed:
            self._service.require(lookup.subject, "write", lookup.home)
        if changed and body.uuid is not None:
            samples = await asyncio.to_thread(
                self._samples.take_each, body.uuid, changed, [*wanted]
            )
        edits: list[Edit] = []
        for name in changed:
            new = NewCase(name, "", body.workflow, lookup.home)
            edits += _process(new, before[name], samples.get(name))
        if edits:
            several = f"versions of {len(changed)} test cases"
            one = f"a version of the test case {changed[0]}"
            edit = combine(edits, f"Add {one if len(changed) == 1 else several}")
            await self._changes.write(request, lookup.home, edit)
        if body.uuid is not None:
            await asyncio.to_thread(self._bulk.forget, body.uuid)
        return self._answer_all(request, before, changed)

    def _answer_all(
        self, request: Request, before: Mapping[str, ObjectRecord | None], changed: list[str]
    ) -> Response:
        lookup = look_up(self._service, request)
        said: list[JSON] = []
        for name, case in before.items():
            status = "created" if case is None else "edited" if name in changed else "loaded"
            found = lookup.find_case(name, None)
            if found is None:
                raise NameConflictError(f"{name!a} was changed by another request", remedy="try again")  # fmt: skip
            said.append({"data": render_case(found), "status": status})
        return JsonResponse({"test_cases": said})

    # --- samples

    async def load_samples(self, request: Request) -> Response:
        """``PUT generic/test-case/load-test-samples``."""
        body = await read_body(request, CaseContentBody)
        lookup = look_up(self._service, request)
        case = lookup.case(body.test_case_id)
        return await self._bulk.answer(lookup, _ROWS, str(case.id), body.batch_size)

    def _make_rows(self, lookup: Lookup, target: str) -> Table:
        table = self._samples.open(lookup, lookup.case(int(target)))
        return table.select("test_sample", "test_sample_metadata", "ground_truth")


def _describe_samples(case: ObjectRecord) -> dict[str, JSON]:
    return {key: case.data[key] for key in ("samples", "has_metadata") if key in case.data}


def _check_workflow(name: str, case: ObjectRecord | None, workflow: str) -> None:
    if case is not None and text(case.data, "workflow") != workflow:
        raise NameConflictError(
            f"the test case {name!a} exists in the workflow {text(case.data, 'workflow')!a}",
            remedy="choose another name",
        )


def _process(new: NewCase, case: ObjectRecord | None, samples: StoredSamples | None) -> list[Edit]:
    """The edits that create a test case, or empty it, and give it its samples."""
    given = StoredSamples({}) if samples is None else samples
    if case is not None:
        data = next_case(case, text(case.data, "description"), given.describe())
        return [add_case_version(new.name, data)]
    edits = [add_case(new)]
    if given.entry:
        data = {
            "namespace": new.namespace, "workflow": new.workflow, "version": 1, "description": new.description,
            **given.describe(),
        }  # fmt: skip
        edits.append(add_case_version(new.name, data))
    return edits
