"""The protocols of ``registry serve`` as a column of a table of bad requests each: how each makes, reads and lists a model.

A protocol that is added gets a ``WireColumn`` here, and with it every row of ``bad_requests.ROWS``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

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
        by_id: Reads what a client numbers: a model, or a version of the model ``taken``.
        listing: Lists models, with parameters.
        page_size: The parameter of that name.
        page_token: The parameter of that name.
        filter: The parameter of that name; empty where lists have no filters of that kind.
        next_token: The token in a list; empty where pages are counted.
        is_error: True for an answer in the form of the protocol's errors, for its status.
        upload: Uploads a file; None where the protocol has no files.
        is_unprocessable: True where what is refused with 400 elsewhere may be refused with 422.
    """

    name: str
    api: str
    create: Callable[[Mapping[str, JSON]], Ask]
    read: Callable[[str], Ask]
    by_id: Callable[[str], Ask]
    listing: Callable[[Mapping[str, str]], Ask]
    page_size: str
    page_token: str
    filter: str
    next_token: str
    is_error: Callable[[RawAnswer], bool]
    upload: Callable[[str, bytes], Ask] | None = None
    is_unprocessable: bool = False

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
        "GET", f"{_MLFLOW}/model-versions/get{_query({'name': 'taken', 'version': number})}"
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


def _truefoundry_put(fields: Mapping[str, JSON]) -> Ask:
    """A PUT of a manifest, which adds a model with its first version; names have no blanks."""
    manifest: dict[str, JSON] = {
        "type": "model-version", "metadata": {}, "source": {"type": "external", "uri": "s3://bucket/x"}, **fields,
    }  # fmt: skip
    if isinstance(name := manifest.get("name"), str):
        manifest["name"] = name.replace(" ", "-")
    return Ask("PUT", f"{_TRUEFOUNDRY}/model-versions", _encode({"manifest": manifest}))


_TRUEFOUNDRY_COLUMN: Final = WireColumn(
    name="truefoundry",
    api="truefoundry",
    create=_truefoundry_put,
    read=lambda name: Ask("GET", f"{_TRUEFOUNDRY}/models{_query({'name': name})}"),
    by_id=lambda number: Ask("GET", f"{_TRUEFOUNDRY}/model-versions/{quote(number, safe='')}"),
    listing=lambda given: Ask("GET", f"{_TRUEFOUNDRY}/models{_query(given)}"),
    page_size="limit", page_token="offset", filter="", next_token="",
    is_error=lambda answer: answer.data.keys() == {"statusCode", "message"} and answer.data["statusCode"] == answer.status,
    is_unprocessable=True,
)  # fmt: skip

COLUMNS: Final[tuple[WireColumn, ...]] = (
    _kubeflow("v1alpha3"), _kubeflow("v1"), _MLFLOW_COLUMN, _TRUEFOUNDRY_COLUMN,
)  # fmt: skip
