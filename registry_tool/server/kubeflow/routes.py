"""The table of endpoints: both versions of the protocol are made from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.server.http.faces import route
from registry_tool.server.kubeflow import artifacts, contexts, metric_history, objects
from registry_tool.server.kubeflow.errors import render_error
from registry_tool.server.kubeflow.object_edits import KINDS
from registry_tool.server.kubeflow.objects import ObjectEndpoints
from registry_tool.server.kubeflow.render import API
from registry_tool.server.kubeflow.requests import Answer, Claims, answering
from registry_tool.server.long_series import LongSeries

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from registry_tool.server.service import Service

__all__ = ["build_routes"]

_PREFIX: Final = "/api/model_registry"
_ENVIRONMENTS: Final = ObjectEndpoints(KINDS["serving_environments"])
_SERVICES: Final = ObjectEndpoints(KINDS["inference_services"])
_SERVES: Final = ObjectEndpoints(KINDS["serves"])
_EXPERIMENTS: Final = ObjectEndpoints(KINDS["experiments"])
_RUNS: Final = ObjectEndpoints(KINDS["experiment_runs"])


class _Endpoint(NamedTuple):
    path: str
    get: Answer | None = None
    post: Answer | None = None
    patch: Answer | None = None


# Paths without a parameter come before those with one.
_BOTH: Final = (
    _Endpoint("registered_model", contexts.find_model),
    _Endpoint("registered_models", contexts.list_models, contexts.create_model),
    _Endpoint("registered_models/{id}", contexts.get_model, None, contexts.update_model),
    _Endpoint(
        "registered_models/{id}/versions",
        contexts.list_versions_of_model,
        contexts.create_version_of_model,
    ),
    _Endpoint("model_version", contexts.find_version),
    _Endpoint("model_versions", contexts.list_versions, contexts.create_version),
    _Endpoint("model_versions/{id}", contexts.get_version, None, contexts.update_model_version),
    _Endpoint(
        "model_versions/{id}/artifacts",
        artifacts.list_version_artifacts,
        artifacts.put_version_artifact,
    ),
    _Endpoint("model_artifact", artifacts.find_model_artifact),
    _Endpoint("model_artifacts", artifacts.list_model_artifacts, artifacts.create_model_artifact),
    _Endpoint(
        "model_artifacts/{id}", artifacts.get_model_artifact, None, artifacts.update_model_artifact
    ),
    _Endpoint("artifact", artifacts.find_artifact),
    _Endpoint("artifacts", artifacts.list_artifacts, artifacts.create_artifact),
    _Endpoint("artifacts/{id}", artifacts.get_artifact, None, artifacts.update_artifact),
    _Endpoint("serving_environment", _ENVIRONMENTS.find),
    _Endpoint("serving_environments", _ENVIRONMENTS.list_all, _ENVIRONMENTS.create),
    _Endpoint("serving_environments/{id}", _ENVIRONMENTS.get, None, _ENVIRONMENTS.update),
    _Endpoint(
        "serving_environments/{id}/inference_services",
        _SERVICES.list_of_parent,
        _SERVICES.create_of_parent,
    ),
    _Endpoint("inference_service", _SERVICES.find),
    _Endpoint("inference_services", _SERVICES.list_all, _SERVICES.create),
    _Endpoint("inference_services/{id}", _SERVICES.get, None, _SERVICES.update),
    _Endpoint("inference_services/{id}/model", objects.show_served_model),
    _Endpoint("inference_services/{id}/version", objects.show_served_version),
    _Endpoint("inference_services/{id}/serves", _SERVES.list_of_parent, _SERVES.create_of_parent),
)
_ALPHA: Final = (
    _Endpoint("experiment", _EXPERIMENTS.find),
    _Endpoint("experiments", _EXPERIMENTS.list_all, _EXPERIMENTS.create),
    _Endpoint("experiments/{id}", _EXPERIMENTS.get, None, _EXPERIMENTS.update),
    _Endpoint("experiments/{id}/experiment_runs", _RUNS.list_of_parent, _RUNS.create_of_parent),
    _Endpoint("experiment_run", _RUNS.find),
    _Endpoint("experiment_runs", _RUNS.list_all, _RUNS.create),
    _Endpoint("experiment_runs/metric_history", metric_history.list_metric_history),
    _Endpoint("experiment_runs/{id}", _RUNS.get, None, _RUNS.update),
    _Endpoint(
        "experiment_runs/{id}/artifacts", artifacts.list_run_artifacts, artifacts.put_run_artifact
    ),
    _Endpoint("experiment_runs/{id}/metric_history", metric_history.list_run_history),
)


def build_routes(service: Service) -> list[BaseRoute]:
    """The routes of both versions of the protocol."""
    claims, series = Claims(), LongSeries(service, API)
    found: list[BaseRoute] = []
    for version, endpoints in (("v1", _BOTH), ("v1alpha3", (*_BOTH, *_ALPHA))):
        for one in endpoints:
            answers = (("get", one.get), ("post", one.post), ("patch", one.patch))
            handlers = {
                method: answering(service, answer, claims, series, is_alpha=version == "v1alpha3")
                for method, answer in answers
                if answer is not None
            }
            found.append(route(f"{_PREFIX}/{version}/{one.path}", render_error, **handlers))
    return found
