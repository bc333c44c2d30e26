"""Kolena's endpoints in one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

from registry_tool.server.changes import ChangeWriter
from registry_tool.server.http.faces import Handler, route, word_errors
from registry_tool.server.kolena.addresses import PREFIX, SIGNED_PATH
from registry_tool.server.kolena.cases import CaseCalls
from registry_tool.server.kolena.errors import render_error, render_exception
from registry_tool.server.kolena.lookup import API
from registry_tool.server.kolena.models import ModelCalls
from registry_tool.server.kolena.rows.bulk import BulkCalls
from registry_tool.server.kolena.rows.samples import SampleStore
from registry_tool.server.kolena.runs.calls import RunCalls
from registry_tool.server.kolena.runs.inferences import InferenceCalls
from registry_tool.server.kolena.runs.metrics import MetricsCalls
from registry_tool.server.kolena.session import Session
from registry_tool.server.kolena.suites import SuiteCalls

if TYPE_CHECKING:
    from registry_tool.server.service import Service

__all__ = ["build_routes"]


def _build_handlers(service: Service) -> Mapping[str, Mapping[str, Handler]]:
    """The handlers by path and method."""
    changes = ChangeWriter(service, API)
    session, bulk = Session(service), BulkCalls(service)
    models, samples = ModelCalls(service, changes), SampleStore(bulk)
    cases = CaseCalls(service, changes, bulk, samples)
    suites = SuiteCalls(service, changes, bulk, samples)
    return {
        "token/login": {"put": session.log_in},
        "event/profile": {"put": session.ignore},
        "event": {"post": session.ignore},
        "client-log/upload": {"post": session.ignore},
        "batched-load/upload/init": {"put": bulk.begin},
        "batched-load/upload/signed-url/{load}": {"get": bulk.sign},
        f"{SIGNED_PATH}/{{grant}}": {"put": bulk.receive},
        "batched-load/download/by-path/{path}": {"get": bulk.download},
        "batched-load/download/complete": {"put": bulk.end},
        "generic/model/create": {"post": models.create},
        "generic/model/load": {"put": models.load},
        "generic/model/load-all": {"put": models.load_all},
        "generic/model/edit": {"put": models.edit},
        "generic/test-case/create": {"post": cases.create},
        "generic/test-case/load": {"put": cases.load},
        "generic/test-case/edit": {"put": cases.edit},
        "generic/test-case/bulk-process": {"post": cases.process_all},
        "generic/test-case/load-test-samples": {"put": cases.load_samples},
        "generic/test-suite/create": {"post": suites.create},
        "generic/test-suite/load": {"put": suites.load},
        "generic/test-suite/load-all": {"put": suites.load_all},
        "generic/test-suite/edit": {"post": suites.edit},
        "generic/test-suite/load-test-samples": {"put": suites.load_samples},
        **_build_run_handlers(service, changes, bulk, samples),
    }


def _build_run_handlers(
    service: Service, changes: ChangeWriter, bulk: BulkCalls, samples: SampleStore
) -> Mapping[str, Mapping[str, Handler]]:
    inferences = InferenceCalls(service, changes, bulk, samples)
    metrics = MetricsCalls(service, changes, bulk, inferences)
    runs = RunCalls(service, changes)
    run = "generic/test-run"
    return {
        "generic/model/load-inferences": {"put": inferences.load_model},
        f"{run}/create-or-retrieve": {"put": runs.create_or_retrieve},
        f"{run}/load-remaining-test-samples": {"put": inferences.load_remaining},
        f"{run}/load-test-sample-inferences": {"put": inferences.load_run},
        f"{run}/upload-inferences": {"put": inferences.upload},
        f"{run}/upload-test-sample-metrics": {"put": metrics.upload_of_samples},
        f"{run}/upload-test-sample-thresholded-metrics": {"put": metrics.upload_thresholded},
        f"{run}/upload-test-case-metrics": {"put": metrics.upload_of_cases},
        f"{run}/upload-test-case-plots": {"put": metrics.upload_plots},
        f"{run}/upload-test-suite-metrics": {"put": metrics.upload_of_suite},
        f"{run}/update-metrics-status": {"put": runs.update_status},
        f"{run}/evaluate": {"put": runs.evaluate},
        f"{run}/mark-crashed": {"post": runs.mark_crashed},
    }


def build_routes(service: Service) -> list[BaseRoute]:
    """The endpoints."""
    return [
        route(
            f"{PREFIX}/{path}",
            render_error,
            **{m: word_errors(h, render_exception) for m, h in by_method.items()},
        )
        for path, by_method in _build_handlers(service).items()
    ]
