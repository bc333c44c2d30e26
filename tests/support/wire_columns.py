"""The protocols of ``registry serve`` as a column of a table of bad requests each: how each makes, reads and lists a model.

A protocol that is added gets a ``WireColumn`` here, and with it every row of ``bad_requests.ROWS``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from registry_tool.live.ids import make_namespace_uuid
from registry_tool.manifests.problems import JSON
from support.raw_http import Ask, RawAnswer

__all__ = ["COLUMNS", "WireColumn"]

_MLFLOW: Final = "/api/2.0/mlflow"
_KUBEFLOW: Final = "/api/model_registry"


@dataclass(frozen=True)
class WireColumn:
    """One protocol.

    Attributes:
        name: Of the column.
        api: As in ``--api``; rows say what they expect of each.
        create: Creates a model, from its fields.
        read: Reads a model by name.
        by_id: Reads what a client numbers: a model, a test case, or a version of the model ``café``, which has none.
        listing: Lists models, with parameters.
        is_error: True for an answer in the form of the protocol's errors.
        page_size: The parameter of that name; empty where lists have no pages.
        page_token: The parameter of that name; empty where pages have none.
        next_token: The token in a list.
        filter: The parameter of that name; empty where lists have none.
        finds: True where the answer to ``read`` is the model, or a list that has it.
        also_bad: What the protocol answers to a bad request, in addition to 400.
        also_missing: What it answers where something does not exist, in addition to 404; 200 for an empty list.
        has_unique_names: False where creating a model again adds a version to it.
        upload: Uploads a file in one request; None where the protocol cannot.
        reads_uploads: The address of an upload is also that of the file.
    """

    name: str
    api: str
    create: Callable[[Mapping[str, JSON]], Ask]
    read: Callable[[str], Ask]
    by_id: Callable[[str], Ask]
    listing: Callable[[Mapping[str, str]], Ask]
    is_error: Callable[[RawAnswer], bool]
    page_size: str = ""
    page_token: str = ""
    next_token: str = ""
    filter: str = ""
    finds: Callable[[RawAnswer], bool] = lambda answer: answer.status == 200
    also_bad: frozenset[int] = frozenset()
    also_missing: frozenset[int] = frozenset()
    has_unique_names: bool = True
    upload: Callable[[str, bytes], Ask] | None = None
    reads_uploads: bool = True

    @property
    def slug(self) -> str:
        """The name as part of a model's name."""
        return self.name.replace(" ", "-").replace(".", "-")

    def create_raw(self, body: bytes, **headers: str) -> Ask:
        """The creating call with any body, and with other headers: ``Content_Type="text/plain"``."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.create({})._replace(body=body, headers=given)


def _encode(fields: Mapping[str, JSON]) -> bytes:
    return json.dumps(fields).encode()


def _query(parameters: Mapping[str, str]) -> str:
    return f"?{urlencode(parameters, quote_via=quote)}" if parameters else ""


def _kubeflow(version: str) -> WireColumn:
    prefix = f"{_KUBEFLOW}/{version}"

    def is_error(answer: RawAnswer) -> bool:
        return answer.data.keys() == {"code", "message"} and all(answer.data.values())

    return WireColumn(
        name=f"kubeflow {version}",
        api="kubeflow",
        create=lambda fields: Ask("POST", f"{prefix}/registered_models", _encode(fields)),
        read=lambda name: Ask("GET", f"{prefix}/registered_model{_query({'name': name})}"),
        by_id=lambda number: Ask("GET", f"{prefix}/registered_models/{quote(number, safe='')}"),
        listing=lambda given: Ask("GET", f"{prefix}/registered_models{_query(given)}"),
        page_size="pageSize", page_token="nextPageToken", filter="filterQuery", next_token="nextPageToken",
        is_error=is_error,
    )  # fmt: skip


def _is_mlflow_error(answer: RawAnswer) -> bool:
    return {"error_code", "message"} <= answer.data.keys() and all(answer.data.values())


_MLFLOW_COLUMN: Final = WireColumn(
    name="mlflow 2.0",
    api="mlflow",
    create=lambda fields: Ask("POST", f"{_MLFLOW}/registered-models/create", _encode(fields)),
    read=lambda name: Ask("GET", f"{_MLFLOW}/registered-models/get{_query({'name': name})}"),
    by_id=lambda number: Ask(
        "GET", f"{_MLFLOW}/model-versions/get{_query({'name': 'café', 'version': number})}"
    ),
    listing=lambda given: Ask("GET", f"{_MLFLOW}/registered-models/search{_query(given)}"),
    page_size="max_results", page_token="page_token", filter="filter", next_token="next_page_token",
    is_error=_is_mlflow_error,
    upload=lambda path, content: Ask(
        "PUT", f"/api/2.0/mlflow-artifacts/artifacts/{path}", content,
        {"Content-Type": "application/octet-stream"},
    ),
)  # fmt: skip

_TRUEFOUNDRY: Final = "/api/svc/v1"


def _truefoundry_manifest(fields: Mapping[str, JSON]) -> bytes:
    source: dict[str, JSON] = {"type": "external", "uri": "s3://bucket/1"}
    repo: dict[str, JSON] = {"ml_repo": "default", "metadata": {}, "source": source}
    return _encode({"manifest": {"type": "model-version", **repo, **fields}})


_TRUEFOUNDRY_COLUMN: Final = WireColumn(
    name="truefoundry v1",
    api="truefoundry",
    create=lambda fields: Ask("PUT", f"{_TRUEFOUNDRY}/model-versions", _truefoundry_manifest(fields)),
    read=lambda name: Ask("GET", f"{_TRUEFOUNDRY}/models{_query({'name': name})}"),
    by_id=lambda number: Ask("GET", f"{_TRUEFOUNDRY}/models/{quote(number, safe='')}"),
    listing=lambda given: Ask("GET", f"{_TRUEFOUNDRY}/models{_query(given)}"),
    is_error=lambda answer: answer.data.get("statusCode") == answer.status and "message" in answer.data,
    page_size="limit",
    finds=lambda answer: answer.status == 200 and bool(answer.data["data"]),
    also_bad=frozenset({422}),
    also_missing=frozenset({200, 422}),
    has_unique_names=False,
)  # fmt: skip

_MLSTEAM: Final = f"/api/v2/projects/{make_namespace_uuid('default')}/models"
_MLSTEAM_COLUMN: Final = WireColumn(
    name="mlsteam v2",
    api="mlsteam",
    create=lambda fields: Ask("POST", _MLSTEAM, _encode(fields)),
    read=lambda name: Ask("GET", f"{_MLSTEAM}{_query({'name': name})}"),
    by_id=lambda number: Ask("GET", f"{_MLSTEAM}/{quote(number, safe='')}"),
    listing=lambda given: Ask("GET", f"{_MLSTEAM}{_query(given)}"),
    is_error=lambda answer: answer.data.keys() == {"code", "message"} and all(answer.data.values()),
    finds=lambda answer: answer.status == 200 and answer.body != b"[]",
    also_missing=frozenset({200}),
    upload=lambda path, content: Ask(
        "PUT", f"/api/v2/uploads/{make_namespace_uuid('default')}/{path}", content,
        {"Content-Type": "application/octet-stream"},
    ),
    reads_uploads=False,
)  # fmt: skip

_KOLENA: Final = "/v1/generic"


def _kolena_samples(number: str) -> Ask:
    """The samples of a test case; what is no number of JSON is sent as a text."""
    try:
        json.loads(number)
    except ValueError:
        number = json.dumps(number)
    body = f'{{"test_case_id": {number}, "batch_size": 10}}'
    return Ask("PUT", f"{_KOLENA}/test-case/load-test-samples", body.encode())


_KOLENA_COLUMN: Final = WireColumn(
    name="kolena v1",
    api="kolena",
    create=lambda fields: Ask("POST", f"{_KOLENA}/model/create", _encode({"metadata": {}, "workflow": "w", **fields})),
    read=lambda name: Ask("PUT", f"{_KOLENA}/model/load", _encode({"name": name})),
    by_id=_kolena_samples,
    listing=lambda given: Ask("PUT", f"{_KOLENA}/model/load-all", _encode({"workflow": "w", **given})),
    is_error=lambda answer: answer.data.keys() == {"detail"} and bool(answer.data["detail"]),
    also_bad=frozenset({422}),
    also_missing=frozenset({422}),
)  # fmt: skip

COLUMNS: Final[tuple[WireColumn, ...]] = (
    _kubeflow("v1alpha3"), _kubeflow("v1"), _MLFLOW_COLUMN, _TRUEFOUNDRY_COLUMN, _MLSTEAM_COLUMN, _KOLENA_COLUMN,
)  # fmt: skip
