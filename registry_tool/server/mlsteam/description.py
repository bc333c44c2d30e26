"""The Swagger 2.0 document: the SDK makes its calls from it, by tag and operation.

Its client, bravado 12, takes an answer without a schema for nothing, so each has one. It makes objects of what has a name
in the document, and the SDK wants plain mappings, so the schemas of answers have none. The same table makes the routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from registry_tool.server.mlsteam.addresses import PREFIX, UPLOADS

if TYPE_CHECKING:
    from registry_tool.manifests.problems import JSON

__all__ = ["OPERATIONS", "Operation", "describe_api"]

_Method = Literal["get", "post", "patch", "put", "delete"]
_MODELS: Final = "projects/{puuid}/models"
_MODEL: Final = f"{_MODELS}/{{muuid}}"
_VERSIONS: Final = f"{_MODEL}/versions"
_VERSION: Final = f"{_VERSIONS}/{{vuuid}}"


class Operation(NamedTuple):
    """One call.

    Attributes:
        tag: The group that clients find it in.
        name: Its name there.
        method: In lower case.
        path: Below the prefix.
        summary: What it does.
        query: Its parameters in the query, with what they are.
        body: The definition of its body; empty for none.
        answer: The definition of its answer; empty for bytes.
        is_list: True where it answers a list of them.
        status: The status of its answer.
    """

    tag: str
    name: str
    method: _Method
    path: str
    summary: str
    query: Mapping[str, str] = {}
    body: str = ""
    answer: str = "Done"
    is_list: bool = False
    status: int = 200


_DOWNLOAD: Final = {"req": "Ignored: this server encrypts nothing."}
_CONFIRM: Final = {
    "confirm": "The name of the model or version to delete.",
    "reason": "Why; readers see it.",
}

OPERATIONS: Final = (
    Operation("project", "listProject", "get", "projects", "The projects with a name, or all.", {"name": "PROJECT, or OWNER/PROJECT."}, answer="Project", is_list=True),
    Operation("project", "getProject", "get", "projects/{puuid}", "One project.", answer="Project"),
    Operation("model", "listModel", "get", _MODELS, "The models of a project, or the one with a name.", {"name": "The name of a model."}, answer="Model", is_list=True),
    Operation("model", "addModel", "post", _MODELS, "Add a model.", body="NewModel", answer="Model", status=201),
    Operation("model", "getModel", "get", _MODEL, "One model.", answer="Model"),
    Operation("model", "updateModel", "patch", _MODEL, "Change the name, description or metadata of a model.", body="ModelChange", answer="Model"),
    Operation("model", "deleteModel", "delete", _MODEL, "Delete a model and its versions, unless one is in use.", _CONFIRM),
    Operation("model", "listVersionModel", "get", _VERSIONS, "The versions of a model.", answer="Version", is_list=True),
    Operation("model", "addVersionModel", "post", _VERSIONS, "Add a version from uploaded files.", body="NewVersion", answer="Version", status=201),
    Operation("model", "getVersionModel", "get", _VERSION, "One version.", answer="Version"),
    Operation("model", "deleteVersionModel", "delete", _VERSION, "Delete a version, unless it is in use.", _CONFIRM),
    Operation("model", "prepareDownloadVersionModel", "get", f"{_VERSION}/prepare", "Prepare a download; a job where that takes long.", _DOWNLOAD, answer="Prepared"),
    Operation("model", "downloadVersionModel", "get", f"{_VERSION}/download", "The files of a version: a ZIP archive, or a package.", {"download_id": "As prepared.", "id2": "Ignored.", **_DOWNLOAD}, answer=""),
    Operation("model", "uploadFile", "put", f"{UPLOADS}/{{puuid}}/{{path}}", "Upload one file, to UPLOAD/PATH.", body="bytes", answer="Uploaded", status=201),
    Operation("async_jobs", "getAsyncJob", "get", "jobs/{job_id}", "The state of a job.", answer="Job"),
)  # fmt: skip
"""In the order of the document."""


def _define(required: str, **types: str) -> dict[str, JSON]:
    kinds: dict[str, JSON] = {
        "text": {"type": "string"}, "number": {"type": "integer"}, "object": {"type": "object"},
        "texts": {"type": "array", "items": {"type": "string"}}, "flag": {"type": "boolean"},
    }  # fmt: skip
    properties: dict[str, JSON] = {name: kinds[kind] for name, kind in types.items()}
    names: list[JSON] = [*required.split()]
    return {"type": "object", "properties": properties, **({"required": names} if names else {})}


_ANSWERS: Final[Mapping[str, dict[str, JSON]]] = {
    "Project": _define("uuid name", uuid="text", name="text", owner="text", description="text"),
    "Model": _define(
        "uuid name", uuid="text", puuid="text", name="text", description="text", owner="text", state="text",
        metadata="object", versions="number", created_at="text", updated_at="text",
    ),
    "Version": _define(
        "uuid version meta", uuid="text", muuid="text", version="text", meta="object", type="text",
        description="text", framework="text", author="text", state="text", metadata="object", tags="texts",
        aliases="texts", size="number", created_at="text", updated_at="text",
    ),
    # Without properties: the client adds those that are missing, and the SDK takes a job for one if it has an id.
    "Prepared": _define(""),
    "Job": _define("state"),
    "Uploaded": _define("size sha256", size="number", sha256="text"),
    "Done": _define(""),
    "Error": _define("code message", code="text", message="text"),
}  # fmt: skip
_BODIES: Final[Mapping[str, dict[str, JSON]]] = {
    "NewModel": _define("name", name="text", description="text", metadata="object"),
    "ModelChange": _define("", name="text", description="text", metadata="object"),
    "NewVersion": _define(
        "version upload", version="text", upload="text", type="text", description="text", framework="text",
        metadata="object",
    ),
}  # fmt: skip


def _choose_schema(operation: Operation) -> dict[str, JSON]:
    if not operation.answer:
        return {"type": "file"}
    one: dict[str, JSON] = {**_ANSWERS[operation.answer]}
    return {"type": "array", "items": one} if operation.is_list else one


def _list_parameters(operation: Operation) -> list[JSON]:
    in_path = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    found: list[JSON] = [
        {"name": name, "in": "path", "type": "string", "required": True} for name in in_path
    ]
    found += [
        {"name": name, "in": "query", "type": "string", "description": words}
        for name, words in operation.query.items()
    ]
    if operation.body:
        schema: JSON = {"$ref": f"#/definitions/{operation.body}"}
        if operation.body == "bytes":
            schema = {"type": "string", "format": "binary"}
        found.append({"name": "body", "in": "body", "required": True, "schema": schema})
    return found


def _describe(operation: Operation) -> dict[str, JSON]:
    failure: dict[str, JSON] = {
        "description": "Why not.",
        "schema": {**_ANSWERS["Error"]},
    }
    done: dict[str, JSON] = {"description": "Done.", "schema": _choose_schema(operation)}
    found: dict[str, JSON] = {
        "tags": [operation.tag],
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": _list_parameters(operation),
        "responses": {str(operation.status): done, "default": failure},
    }
    if operation.body:
        media = "application/octet-stream" if operation.body == "bytes" else "application/json"
        found["consumes"] = [media]
    found["produces"] = ["application/json" if operation.answer else "application/zip"]
    return found


def describe_api() -> dict[str, JSON]:
    """The document."""
    paths: dict[str, dict[str, JSON]] = {}
    for operation in OPERATIONS:
        paths.setdefault(f"/{operation.path}", {})[operation.method] = _describe(operation)
    return {
        "swagger": "2.0",
        "info": {"title": "Models of a Git registry, for MLSteam's model SDK", "version": "2"},
        "basePath": PREFIX,
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "securityDefinitions": {"token": {"type": "apiKey", "name": "Authorization", "in": "header"}},
        "security": [{"token": []}],
        "paths": {**paths},
        "definitions": {**_BODIES},
    }  # fmt: skip
