"""Kolena's calls about inferences: what a model says of each sample, shared by all of its test runs.

A sample has one inference of a model: the one that was uploaded last. Uploading another needs ``reset``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from registry_tool.live.records import ObjectRecord, Record
from registry_tool.manifests.data import Data, records, text, whole
from registry_tool.names import Reference
from registry_tool.server.http.faces import JsonResponse
from registry_tool.server.kolena.bodies import read_body
from registry_tool.server.kolena.errors import IncorrectUsageError
from registry_tool.server.kolena.lookup import API, SUITE_VERSION_KIND, Lookup, look_up
from registry_tool.server.kolena.rows.parquet import Column, Table, read_files
from registry_tool.server.kolena.runs.bodies import (
    ModelInferencesBody,
    RemainingSamplesBody,
    RunInferencesBody,
    UploadInferencesBody,
)
from registry_tool.server.kolena.runs.edits import (
    INFERENCES_KIND,
    InferenceUpload,
    UploadedFile,
    add_inferences,
)
from registry_tool.server.kolena.runs.lookup import find_run, run_suite

if TYPE_CHECKING:
    from registry_tool.server.changes import ChangeWriter
    from registry_tool.server.kolena.rows.bulk import BulkCalls
    from registry_tool.server.kolena.rows.samples import SampleStore
    from registry_tool.server.service import Service

__all__ = ["INFERENCE_COLUMNS", "InferenceCalls"]

INFERENCE_COLUMNS: Final = (Column("test_sample"), Column("inference"))
_SAMPLE: Final = "test_sample"
_METADATA: Final = "test_sample_metadata"
_OF_CASE: Final = (_SAMPLE, _METADATA, "ground_truth")
_REMAINING: Final = "remaining"
_OF_RUN: Final = "run-inferences"
_OF_MODEL: Final = "model-inferences"
_SHOWN: Final = 80


def _model(record: Record) -> Hashable:
    return text(record.data, "model") or None if isinstance(record, ObjectRecord) else None


def list_uploads(lookup: Lookup, model: str) -> list[Data]:
    """The uploads of inferences of a model, in their order.

    Args:
        lookup: What a request is answered from.
        model: The model, as ``namespace/model@version``.
    """
    kind = f"{API}/{INFERENCES_KIND}"
    ids = lookup.snapshot.indexes.find(kind, "kolena model", _model, model)
    found = [one for one in map(lookup.snapshot.records.get, ids) if one is not None]
    parts = sorted(found, key=lambda one: whole(one.data, "number"))
    return [upload for part in parts for upload in records(part.data, "uploads")]


class InferenceCalls:
    """The calls, over a service.

    Args:
        service: The registry.
        changes: Writes.
        bulk: Uploads and downloads of rows.
        samples: The samples of test cases.
    """

    def __init__(
        self, service: Service, changes: ChangeWriter, bulk: BulkCalls, samples: SampleStore
    ) -> None:
        self._service = service
        self._changes = changes
        self._bulk = bulk
        self._samples = samples
        bulk.provide(_REMAINING, self._read_remaining)
        bulk.provide(_OF_RUN, self._read_run)
        bulk.provide(_OF_MODEL, self._read_model)

    # --- reading

    def _read_uploads(self, uploads: Sequence[Data], *columns: str) -> Table:
        """The rows of uploads, of each sample the newest."""
        wanted = tuple(one for one in INFERENCE_COLUMNS if not columns or one.name in columns)
        files = [file for upload in uploads for file in records(upload, "files")]
        tables = [self._bulk.open(file, wanted) for file in files]
        found = _concatenate(tables, [one.name for one in wanted])
        return found.keep_last(_SAMPLE) if len(uploads) > 1 else found

    def _read_suite(self, lookup: Lookup, suite: ObjectRecord) -> Table:
        """The samples of all test cases of a suite, each once."""
        cases = lookup.suite_cases(suite)
        tables = [self._samples.open(lookup, case).select(*_OF_CASE) for case in cases]
        return _join(tables, _OF_CASE)

    def _read_names(self, lookup: Lookup, suite: ObjectRecord) -> Table:
        """The same without what belongs to the samples."""
        return _join([self._samples.open_names(case) for case in lookup.suite_cases(suite)], [_SAMPLE])  # fmt: skip

    def _read_remaining(self, lookup: Lookup, target: str) -> Table:
        slug, model, known = json.loads(target)
        suite = lookup.snapshot.object(API, SUITE_VERSION_KIND, slug)
        if suite is None:
            return _join([], [_SAMPLE, _METADATA])
        samples = self._read_suite(lookup, suite).select(_SAMPLE, _METADATA)
        uploads = list_uploads(lookup, model)[:known]
        return (
            samples.without(_SAMPLE, self._read_uploads(uploads, _SAMPLE)) if uploads else samples
        )

    def _read_run(self, lookup: Lookup, target: str) -> Table:
        slug, model, known = json.loads(target)
        suite = lookup.snapshot.object(API, SUITE_VERSION_KIND, slug)
        samples = Table.build((Column(_SAMPLE),), {}) if suite is None else self._read_suite(lookup, suite)  # fmt: skip
        return samples.joined(_SAMPLE, self._read_uploads(list_uploads(lookup, model)[:known]))

    def _read_model(self, lookup: Lookup, target: str) -> Table:
        slug, model, known = json.loads(target)
        case = lookup.case_at(slug)
        samples = Table.build((Column(_SAMPLE),), {}) if case is None else self._samples.open(lookup, case).select(*_OF_CASE)  # fmt: skip
        return samples.joined(_SAMPLE, self._read_uploads(list_uploads(lookup, model)[:known]))

    def count_remaining(self, lookup: Lookup, run: ObjectRecord) -> int:
        """How many samples of a run have no inference yet. Called in a thread."""
        uploads = list_uploads(lookup, text(run.data, "model"))
        _, suite = run_suite(lookup, run)
        names = self._read_names(lookup, suite)
        return names.without(_SAMPLE, self._read_uploads(uploads, _SAMPLE)).rows

    async def load_remaining(self, request: Request) -> Response:
        """``PUT generic/test-run/load-remaining-test-samples``."""
        body = await read_body(request, RemainingSamplesBody)
        lookup = look_up(self._service, request)
        run = find_run(lookup, body.test_run_id)
        model = text(run.data, "model")
        # What is uploaded while the files are loaded one after the other must not move their rows.
        known = 0 if body.load_all else len(list_uploads(lookup, model))
        target = json.dumps([text(run.data, "suite"), model, known])
        return await self._bulk.answer(lookup, _REMAINING, target, body.batch_size)

    async def load_run(self, request: Request) -> Response:
        """``PUT generic/test-run/load-test-sample-inferences``."""
        body = await read_body(request, RunInferencesBody)
        lookup = look_up(self._service, request)
        run = find_run(lookup, body.test_run_id)
        model = text(run.data, "model")
        target = json.dumps([text(run.data, "suite"), model, len(list_uploads(lookup, model))])
        return await self._bulk.answer(lookup, _OF_RUN, target, body.batch_size)

    async def load_model(self, request: Request) -> Response:
        """``PUT generic/model/load-inferences``."""
        body = await read_body(request, ModelInferencesBody)
        lookup = look_up(self._service, request)
        version, case = lookup.model(body.model_id), lookup.case(body.test_case_id)
        if lookup.model_workflow(version) != text(case.data, "workflow"):
            raise IncorrectUsageError("the model and the test case have different workflows")
        model = str(Reference(version.model, version.version))
        target = json.dumps([case.slug, model, len(list_uploads(lookup, model))])
        return await self._bulk.answer(lookup, _OF_MODEL, target, body.batch_size)

    # --- uploading

    async def upload(self, request: Request) -> Response:
        """``PUT generic/test-run/upload-inferences``: all of them or none."""
        body = await read_body(request, UploadInferencesBody)
        lookup = look_up(self._service, request)
        run = find_run(lookup, body.test_run_id)
        namespace, model = text(run.data, "namespace"), text(run.data, "model")
        self._service.require(lookup.subject, "write", namespace)
        uploads = list_uploads(lookup, model)
        again = next((one for one in uploads if text(one, "uuid") == body.uuid), None)
        if again is not None:  # the client repeats a request whose answer it did not get
            return JsonResponse({"n_uploaded": _count_rows(again)})
        files = await asyncio.to_thread(self._take, lookup, run, uploads, body)
        if files:
            upload = InferenceUpload(body.uuid, run.slug, body.reset, files)
            known = [text(one, "uuid") for one in uploads]
            edit = add_inferences(model, namespace, upload, known=known)
            await self._changes.write(request, namespace, edit)
        await asyncio.to_thread(self._bulk.forget, body.uuid)
        return JsonResponse({"n_uploaded": sum(file.rows for file in files)})

    def _take(
        self, lookup: Lookup, run: ObjectRecord, uploads: Sequence[Data], body: UploadInferencesBody
    ) -> list[UploadedFile]:
        """Check an upload, and write it to the DVC remote."""
        chunks = self._bulk.list_chunks(body.uuid, INFERENCE_COLUMNS)
        tables = [read_files([chunk], INFERENCE_COLUMNS[:1]) for chunk in chunks]
        if not tables:
            return []
        given = _concatenate(tables, [_SAMPLE])
        self._check(lookup, run, given, uploads, reset=body.reset)
        kept = (self._bulk.keep_file(chunk, table.rows) for chunk, table in zip(chunks, tables, strict=True))  # fmt: skip
        return [UploadedFile.parse(one) for one in kept]

    def _check(
        self,
        lookup: Lookup,
        run: ObjectRecord,
        given: Table,
        uploads: Sequence[Data],
        *,
        reset: bool,
    ) -> None:
        _, suite = run_suite(lookup, run)
        samples = self._read_names(lookup, suite)
        # The client sends samples in the order in which it loads them; comparing is faster than looking each of them up.
        is_whole = given.equals(samples)
        if not is_whole and (strange := given.without(_SAMPLE, samples)).rows:
            raise IncorrectUsageError(
                f"{_count(strange)} not in the test suite, such as {_show(strange)}"
            )
        if reset:
            return
        if not is_whole and not given.is_distinct(_SAMPLE):
            raise IncorrectUsageError("a test sample has two inferences in one upload")
        if uploads:
            fresh = given.without(_SAMPLE, self._read_uploads(uploads, _SAMPLE))
            if fresh.rows < given.rows:
                number = given.rows - fresh.rows
                raise IncorrectUsageError(
                    f"{number} of {given.rows} test samples have an inference of {text(run.data, 'model')} already",
                    remedy="upload only those of load_test_samples(), or replace them with reset=True",
                )


def _concatenate(tables: Sequence[Table], columns: Sequence[str]) -> Table:
    """The rows of tables with the same columns, one after the other."""
    found = tables[0] if tables else Table.build([Column(name) for name in columns], {})
    for table in tables[1:]:
        found = found.followed_by(table)
    return found


def _join(tables: Sequence[Table], columns: Sequence[str]) -> Table:
    """The same with each sample once."""
    found = _concatenate(tables, columns)
    return found.keep_first(_SAMPLE) if len(tables) > 1 else found


def _count(table: Table) -> str:
    return "1 test sample is" if table.rows == 1 else f"{table.rows} test samples are"


def _show(table: Table) -> str:
    return ascii(table.slice(0, 1).texts(_SAMPLE)[0][:_SHOWN])


def _count_rows(upload: Data) -> int:
    return sum(whole(file, "rows") for file in records(upload, "files"))
