"""Kolena's calls about metrics: uploaded for samples, test cases and the suite, and with the last of them evidence.

The rows stay in the DVC remote as they came. Those of test cases and of the suite are also read, because the run is finished with
the metrics of the suite, which the client uploads last, and then becomes evidence of the version that it tested.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from registry_tool.edits.changeset import combine
from registry_tool.live.records import ObjectRecord
from registry_tool.manifests.data import Data, records, text
from registry_tool.manifests.problems import JSON
from registry_tool.names import Reference
from registry_tool.server.changes import render_owner
from registry_tool.server.http.faces import JsonResponse
from registry_tool.server.kolena.bodies import read_body
from registry_tool.server.kolena.errors import IncorrectUsageError
from registry_tool.server.kolena.lookup import Lookup, look_up
from registry_tool.server.kolena.rows.parquet import Column, Table, read_files
from registry_tool.server.kolena.runs.bodies import (
    AggregateMetricsBody,
    Configuration,
    SampleMetricsBody,
    ThresholdedMetricsBody,
)
from registry_tool.server.kolena.runs.edits import (
    METRICS_KIND,
    MetricsUpload,
    UploadedFile,
    add_metrics,
    edit_run,
)
from registry_tool.server.kolena.runs.evidence import (
    Measurement,
    RunResult,
    parse_metrics,
    record_result,
)
from registry_tool.server.kolena.runs.lookup import (
    find_run,
    name_case,
    name_suite,
    run_case,
    run_cases,
    run_suite,
)

if TYPE_CHECKING:
    from registry_tool.edits.changeset import Edit
    from registry_tool.server.changes import ChangeWriter
    from registry_tool.server.kolena.rows.bulk import BulkCalls
    from registry_tool.server.kolena.runs.inferences import InferenceCalls
    from registry_tool.server.service import Service

__all__ = ["MetricsCalls", "write_configuration"]

_FINISHED: Final = "finished"
_INCOMPLETE: Final = "incomplete"
_METRICS: Final = "metrics"
_CASE: Final = "test_case_id"
_CONFIGURATION: Final = "configuration_display_name"
_OF_SAMPLES: Final = (Column("test_sample"), Column(_METRICS))
_OF_SUITES: Final = (Column(_CONFIGURATION, has_nulls=True), Column(_METRICS))
_OF_CASES: Final = (Column(_CASE, "whole"), *_OF_SUITES)
_MOST_READ: Final = 100_000  # rows of metrics of test cases
_LONGEST_READ: Final = 64 << 20  # bytes of them


def write_configuration(configuration: Configuration | None) -> dict[str, JSON]:
    """A configuration as data of an object: what it configures is text, so that NaN and Infinity stay what they are."""
    if configuration is None:
        return {}
    return {"display_name": configuration.display_name, "configuration": configuration.written}


class MetricsCalls:
    """The calls, over a service.

    Args:
        service: The registry.
        changes: Writes.
        bulk: Uploads and downloads of rows.
        inferences: Those of the models.
    """

    def __init__(
        self, service: Service, changes: ChangeWriter, bulk: BulkCalls, inferences: InferenceCalls
    ) -> None:
        self._service = service
        self._changes = changes
        self._bulk = bulk
        self._inferences = inferences

    def _find(self, request: Request, number: int) -> tuple[Lookup, ObjectRecord]:
        lookup = look_up(self._service, request)
        run = find_run(lookup, number)
        self._service.require(lookup.subject, "write", text(run.data, "namespace"))
        return lookup, run

    def _keep(self, load: str, columns: Sequence[Column]) -> tuple[list[UploadedFile], list[Table]]:
        """Check the rows of an upload, and write its files to the DVC remote."""
        chunks = self._bulk.list_chunks(load, columns)
        tables = [read_files([chunk], columns) for chunk in chunks]
        kept = [self._bulk.keep_file(chunk, table.rows) for chunk, table in zip(chunks, tables, strict=True)]  # fmt: skip
        return [UploadedFile.parse(one) for one in kept], tables

    async def _write(self, request: Request, run: ObjectRecord, edit: Edit, step: str = "") -> None:
        await self._changes.write(request, text(run.data, "namespace"), edit, step=step)

    # --- of samples

    async def _upload_of_samples(
        self, request: Request, lookup: Lookup, run: ObjectRecord, level: str, body: SampleMetricsBody
    ) -> Response:  # fmt: skip
        case = "" if body.test_case_id is None else run_case(lookup, run, body.test_case_id).slug
        files, _ = await asyncio.to_thread(self._keep, body.uuid, _OF_SAMPLES)
        upload = MetricsUpload(
            run.slug, run.shown, text(run.data, "namespace"), level, case, write_configuration(body.configuration),
            body.uuid, files,
        )  # fmt: skip
        await self._write(request, run, add_metrics(upload))
        return await self._finish(body.uuid, files)

    async def _finish(self, load: str, files: Iterable[UploadedFile]) -> Response:
        await asyncio.to_thread(self._bulk.forget, load)
        return JsonResponse({"n_uploaded": sum(file.rows for file in files)})

    async def upload_of_samples(self, request: Request) -> Response:
        """``PUT generic/test-run/upload-test-sample-metrics``."""
        body = await read_body(request, SampleMetricsBody, has_constants=True)
        lookup, run = self._find(request, body.test_run_id)
        return await self._upload_of_samples(request, lookup, run, "test-sample", body)

    async def upload_thresholded(self, request: Request) -> Response:
        """``PUT generic/test-run/upload-test-sample-thresholded-metrics``."""
        body = await read_body(request, ThresholdedMetricsBody, has_constants=True)
        lookup, run = self._find(request, body.test_run_id)
        version = lookup.model(body.model_id)
        if str(Reference(version.model, version.version)) != text(run.data, "model"):
            raise IncorrectUsageError(f"model {body.model_id} is not the one that the run tests")
        return await self._upload_of_samples(request, lookup, run, "thresholded", body)

    # --- of test cases and suites

    async def _take(
        self, request: Request, level: str, columns: Sequence[Column]
    ) -> tuple[Lookup, ObjectRecord, AggregateMetricsBody, MetricsUpload, list[Table]]:
        body = await read_body(request, AggregateMetricsBody)
        lookup, run = self._find(request, body.test_run_id)
        _, suite = lookup.suite(body.test_suite_id)
        if suite.slug != text(run.data, "suite"):
            raise IncorrectUsageError(
                f"test suite {body.test_suite_id} is not the one that the run is about"
            )
        files, tables = await asyncio.to_thread(self._keep, body.uuid, columns)
        namespace = text(run.data, "namespace")
        upload = MetricsUpload(run.slug, run.shown, namespace, level, "", {}, body.uuid, files)
        return lookup, run, body, upload, tables

    async def _upload_of_cases(self, request: Request, level: str) -> Response:
        lookup, run, body, upload, tables = await self._take(request, level, _OF_CASES)
        known = run_cases(lookup, run)
        await asyncio.to_thread(_check_cases, tables, known)
        await self._write(request, run, add_metrics(upload))
        return await self._finish(body.uuid, upload.files)

    async def upload_of_cases(self, request: Request) -> Response:
        """``PUT generic/test-run/upload-test-case-metrics``."""
        return await self._upload_of_cases(request, "test-case")

    async def upload_plots(self, request: Request) -> Response:
        """``PUT generic/test-run/upload-test-case-plots``."""
        return await self._upload_of_cases(request, "plots")

    async def upload_of_suite(self, request: Request) -> Response:
        """``PUT generic/test-run/upload-test-suite-metrics``: the run is finished, and becomes evidence.

        A run that lacks inferences of some samples gives no evidence: who chooses what is measured chooses the result.
        """
        lookup, run, body, upload, tables = await self._take(request, "test-suite", _OF_SUITES)
        result = await asyncio.to_thread(self._build_result, lookup, run, tables)
        # Its metrics are checked before anything is written.
        evidence = record_result(result, by=render_owner(lookup.subject))
        lacking = await asyncio.to_thread(self._inferences.count_remaining, lookup, run)
        state, what = (_INCOMPLETE, "End {} with samples left") if lacking else (_FINISHED, "Finish {}")  # fmt: skip
        edits = [add_metrics(upload), edit_run(run, what, state=state)]
        title = what.replace("{}", f"the test run {run.shown}")
        await self._write(request, run, combine(edits, title))
        if not lacking:
            # A commit of its own: with objects it would be a change of two kinds, which a person has to review.
            await self._write(request, run, evidence, "evidence")
        return await self._finish(body.uuid, upload.files)

    def _build_result(
        self, lookup: Lookup, run: ObjectRecord, of_suite: Sequence[Table]
    ) -> RunResult:
        cases = run_cases(lookup, run)
        measured = [
            Measurement("", configuration, metrics)
            for table in of_suite
            for _, configuration, metrics in _list_rows(table)
        ]
        for upload in lookup.children(METRICS_KIND, run):
            if text(upload.data, "level") == "test-case":
                measured += self._measure_cases(upload.data, cases)
        data = run.data
        return RunResult(
            run.slug,
            Reference.parse(text(data, "model")),
            name_suite(*run_suite(lookup, run)),
            text(data, "evaluator"),
            measured,
        )

    def _measure_cases(self, data: Data, cases: dict[int, ObjectRecord]) -> Iterable[Measurement]:
        for file in records(data, "files"):
            for case, configuration, metrics in _list_rows(self._bulk.open(file, _OF_CASES)):
                if case in cases:
                    yield Measurement(name_case(cases[case]), configuration, metrics)


def _list_rows(table: Table) -> Iterable[tuple[int, str, str]]:
    """The rows of metrics of test cases or suites: id of the test case, configuration, metrics.

    Raises:
        IncorrectUsageError: There are too many to be read.
    """
    if table.rows > _MOST_READ or table.size > _LONGEST_READ:
        raise IncorrectUsageError(
            f"the upload has {table.rows} rows in {table.size} bytes; at most {_MOST_READ} rows in {_LONGEST_READ} bytes are accepted"
        )
    names = [str(one or "") for one in table.values(_CONFIGURATION)]
    numbers = table.values(_CASE) if table.has_column(_CASE) else [0] * table.rows
    for number, name, metrics in zip(numbers, names, table.texts(_METRICS), strict=True):
        yield int(number or 0), name, metrics


def _check_cases(tables: Sequence[Table], known: dict[int, ObjectRecord]) -> None:
    for table in tables:
        for number, _, metrics in _list_rows(table):
            if number not in known:
                raise IncorrectUsageError(f"test case {number} is not in the test suite of the run")
            parse_metrics(metrics)
