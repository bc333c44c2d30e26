"""Kolena's calls about test runs: a model that is tested on one version of a test suite by an evaluator.

A run is an object of the registry, found again by these three. It is ``running``, then ``finished`` by the metrics of the suite,
``incomplete`` where samples have no inference then, or ``crashed``. It can go on from there, because inferences belong to the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from registry_tool.live.records import ObjectRecord, VersionRecord
from registry_tool.manifests.data import text
from registry_tool.manifests.problems import JSON
from registry_tool.names import Reference
from registry_tool.server.changes import render_owner
from registry_tool.server.http.faces import JsonResponse
from registry_tool.server.kolena.bodies import read_body
from registry_tool.server.kolena.errors import IncorrectUsageError, NameConflictError
from registry_tool.server.kolena.lookup import API, Lookup, look_up
from registry_tool.server.kolena.runs.bodies import CreateRunBody, RunBody, StatusBody
from registry_tool.server.kolena.runs.edits import RUN_KIND, NewRun, add_run, edit_run
from registry_tool.server.kolena.runs.lookup import find_run
from registry_tool.server.kolena.runs.metrics import write_configuration

if TYPE_CHECKING:
    from registry_tool.server.changes import ChangeWriter
    from registry_tool.server.service import Service

__all__ = ["RunCalls"]

_CRASHED: Final = "crashed"
_LONGEST: Final = 64 << 10  # of all configurations together
_DONE: Final[Mapping[str, str]] = {}


class RunCalls:
    """The calls, over a service.

    Args:
        service: The registry.
        changes: Writes.
    """

    def __init__(self, service: Service, changes: ChangeWriter) -> None:
        self._service = service
        self._changes = changes

    async def create_or_retrieve(self, request: Request) -> Response:
        """``PUT generic/test-run/create-or-retrieve``."""
        body = await read_body(request, CreateRunBody, has_constants=True)
        lookup = look_up(self._service, request)
        version = lookup.model(body.model_id)
        suite, content = lookup.suite(body.test_suite_id)
        if lookup.model_workflow(version) != text(suite.data, "workflow"):
            raise IncorrectUsageError("the model and the test suite have different workflows")
        configurations = [write_configuration(one) for one in body.configurations or ()]
        if sum(len(text(one, "configuration")) for one in configurations) > _LONGEST:
            raise IncorrectUsageError(f"configurations: more than {_LONGEST} characters of JSON")
        run = _describe(lookup, version, (suite, content), body.evaluator or "")
        known = lookup.snapshot.object(API, RUN_KIND, run.slug)
        if known is None or configurations != known.data.get("configurations", []):
            await self._changes.write(request, run.namespace, add_run(run, configurations))
            lookup = look_up(self._service, request)
            known = lookup.snapshot.object(API, RUN_KIND, run.slug)
        if known is None:
            raise NameConflictError("the test run was changed by another request", remedy="try again")  # fmt: skip
        return JsonResponse({"test_run_id": known.id})

    async def evaluate(self, request: Request) -> Response:
        """``PUT generic/test-run/evaluate``: no server-side evaluators, which would be code of others that runs here."""
        body = await read_body(request, RunBody)
        find_run(look_up(self._service, request), body.test_run_id)
        raise IncorrectUsageError(
            "this server runs no evaluators; the inferences are stored",
            remedy="pass an evaluator: kolena.workflow.test(model, test_suite, evaluator)",
        )

    async def mark_crashed(self, request: Request) -> Response:
        """``POST generic/test-run/mark-crashed``: a crashed run gives no evidence."""
        body = await read_body(request, RunBody)
        run = find_run(look_up(self._service, request), body.test_run_id)
        edit = edit_run(run, "Mark {} as crashed", state=_CRASHED)
        await self._changes.write(request, text(run.data, "namespace"), edit)
        return JsonResponse(_DONE)

    async def update_status(self, request: Request) -> Response:
        """``PUT generic/test-run/update-metrics-status``."""
        body = await read_body(request, StatusBody)
        run = find_run(look_up(self._service, request), body.test_run_id)
        status: dict[str, JSON] = {"progress": body.progress, "message": body.message}
        what = f"Update {{}}: {body.progress:.0%}"
        edit = edit_run(run, what, changed={"status": status})
        await self._changes.write(request, text(run.data, "namespace"), edit)
        return JsonResponse(_DONE)


def _describe(
    lookup: Lookup,
    version: VersionRecord,
    tested: tuple[ObjectRecord, ObjectRecord],
    evaluator: str,
) -> NewRun:
    suite, content = tested
    by = f" by {evaluator}" if evaluator else ""
    return NewRun(
        namespace=version.model.namespace,
        model=str(Reference(version.model, version.version)),
        suite=content.slug,
        evaluator=evaluator,
        workflow=text(suite.data, "workflow"),
        title=f"{lookup.model_name(version)} on {suite.shown}{by}",
        created_by=render_owner(lookup.subject),
        case_ids=[case.id for case in lookup.suite_cases(content)],
    )
