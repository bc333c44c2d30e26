"""MLflow's calls that write: each is one commit."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import unquote_plus

from starlette.requests import Request
from starlette.responses import Response

from registry_tool.access.subjects import Scope
from registry_tool.artifacts.dvc_files import Member
from registry_tool.edits.changeset import Edit
from registry_tool.edits.deletion import delete_model, delete_version
from registry_tool.edits.shown_aliases import remove_shown_alias, set_shown_alias
from registry_tool.errors import ConflictError
from registry_tool.integrations import mlflow_edits
from registry_tool.integrations.mlflow_edits import NameInUseError, NewVersion
from registry_tool.integrations.mlflow_mapping import API, MODEL_ARTIFACT, VersionOrigin
from registry_tool.live.records import ModelRecord, VersionRecord
from registry_tool.manifests.data import Data, records
from registry_tool.names import Reference
from registry_tool.server.changes import (
    ChangeWriter,
    KnownVersions,
    find_added_model,
    find_stages,
    render_owner,
    render_pointers,
)
from registry_tool.server.files.version_files import is_encrypted
from registry_tool.server.http.faces import JsonResponse
from registry_tool.server.mlflow import bodies
from registry_tool.server.mlflow.bodies import TagBody
from registry_tool.server.mlflow.errors import MlflowError, convert_error
from registry_tool.server.mlflow.lookup import Lookup, check_model_name
from registry_tool.server.mlflow.reads import ModelReads, check_stage
from registry_tool.server.mlflow.uploads import find_source
from registry_tool.server.service import Service
from registry_tool.writer.request import Written

__all__ = ["ModelWrites"]

_ALIAS: Final = re.compile(r"[\w\-]*")
_VERSION_ALIAS: Final = re.compile(r"[vV]\d+")
_LONGEST_ALIAS: Final = 255
_LONGEST_KEY: Final = 250
_LONGEST_VALUE: Final = 100_000
_KEY: Final = re.compile(r"[/\w.\- :]*")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_MODEL_SOURCE: Final = re.compile(r"models:/(?P<name>[^/:@]+)/(?P<number>[0-9]{1,18})")
_PROMPT: Final = "mlflow.prompt.is_prompt"
_REASON: Final = "deleted through MLflow"
_DONE: Final[Mapping[str, str]] = {}


def _check_alias(alias: str | None) -> str:
    if not alias:
        raise MlflowError("Registered model alias name cannot be empty.")
    if not _ALIAS.fullmatch(alias):
        raise MlflowError(
            f"Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."
        )
    if len(alias) > _LONGEST_ALIAS:
        raise MlflowError(
            f"'Registered model alias name' exceeds the maximum length of {_LONGEST_ALIAS} characters"
        )
    return alias


def _check_new_alias(alias: str | None) -> str:
    found = _check_alias(alias)
    if found.lower() == "latest":
        raise MlflowError("'latest' alias name (case insensitive) is reserved.")
    if _VERSION_ALIAS.fullmatch(found):
        raise MlflowError(f"Version alias name '{found}' is reserved.")
    return found


def _check_key(key: str | None) -> str:
    found = bodies.require(key, "key")
    if not _KEY.fullmatch(found):
        raise MlflowError(
            f"Invalid value \"{found}\" for parameter 'key' supplied: Names may only contain alphanumerics, underscores (_),"
            " dashes (-), periods (.), spaces ( ), colon(:) and slashes (/)."
        )
    if len(found) > _LONGEST_KEY:
        raise MlflowError(f"'key' exceeds the maximum length of {_LONGEST_KEY} characters")
    return found


def _check_value(value: str | None) -> str:
    if len(value or "") > _LONGEST_VALUE:
        raise MlflowError(f"'value' exceeds the maximum length of {_LONGEST_VALUE} characters")
    return value or ""


def _check_tags(tags: Sequence[TagBody]) -> dict[str, str]:
    return {_check_key(tag.key): _check_value(tag.value) for tag in tags}


def check_source(source: str) -> str:
    """A source that other machines can mean the same by.

    Raises:
        MlflowError: It is a path of the client's machine, or contains ``..``.
    """
    plain = source
    for _ in range(8):
        plain, before = unquote_plus(plain), plain
        if plain == before:
            break
    if "\0" in plain or ".." in re.split(r"[/\\]", plain):
        raise MlflowError(
            f"Invalid model version source: '{source}'. If supplying a source as an http, https, local file path, ftp,"
            " objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path references"
            " present. Please provide an absolute path."
        )
    if not _SCHEME.match(source) or source.lower().startswith("file:"):
        raise MlflowError(
            f"Invalid model version source: '{source}'. To use a local path as a model version source, the run_id request"
            " parameter has to be specified and the local path has to be contained within the artifact directory of the"
            " run specified by the run_id."
        )
    return source


class ModelWrites:
    """The calls, over a service.

    Args:
        service: What they write to.
        reads: The calls that read, which render the answers.
    """

    def __init__(self, service: Service, reads: ModelReads) -> None:
        self._service = service
        self._reads = reads
        self._changes = ChangeWriter(service, API)

    # --- models

    async def create_model(self, request: Request) -> Response:
        """``POST registered-models/create``."""
        body = await bodies.read_body(request, bodies.CreateModelBody)
        lookup = self._reads.lookup(request)
        check_model_name(body.name)
        name, tags = lookup.split(body.name), _check_tags(body.tags)
        edit = mlflow_edits.create_model(
            name,
            owner=render_owner(lookup.subject),
            description=body.description or "",
            tags=tags,
            deployment_job_id=body.deployment_job_id or "",
        )
        try:
            written = await self._changes.write(request, name.namespace, edit)
        except NameInUseError as exc:
            is_prompt = tags.get(_PROMPT, "").lower() == "true"
            raise convert_error(exc, body.name, is_prompt=is_prompt) from exc
        lookup = self._reads.lookup(request)
        added = find_added_model(lookup.snapshot.layout, written)
        found = None if added is None else lookup.snapshot.model(added)
        if found is None:
            raise ConflictError(f"{body.name} was changed by another request", remedy="try again")
        return self._reads.answer_model(lookup, found)

    async def rename_model(self, request: Request) -> Response:
        """``POST registered-models/rename``."""
        body = await bodies.read_body(request, bodies.RenameBody)
        lookup = self._reads.lookup(request)
        model = lookup.model(bodies.require(body.name, "name"))
        new = bodies.require((body.new_name or "").strip() and body.new_name, "new_name")
        check_model_name(new)
        edit = mlflow_edits.rename_model(model.name, lookup.split(new))
        try:
            return await self._change_model(request, model, edit)
        except NameInUseError as exc:
            raise convert_error(exc, new, is_prompt=exc.is_prompt) from exc

    async def update_model(self, request: Request) -> Response:
        """``PATCH registered-models/update``."""
        body = await bodies.read_body(request, bodies.UpdateModelBody)
        model = self._reads.lookup(request).model(bodies.require(body.name, "name"))
        edit = mlflow_edits.describe_model(model.name, body.description, body.deployment_job_id)
        return await self._change_model(request, model, edit)

    async def _change_model(self, request: Request, model: ModelRecord, edit: Edit) -> Response:
        await self._changes.write(request, model.name.namespace, edit, about=model.name)
        lookup = self._reads.lookup(request)
        return self._reads.answer_model(lookup, lookup.snapshot.model(model.name) or model)

    async def delete_model(self, request: Request) -> Response:
        """``DELETE registered-models/delete``."""
        body = await bodies.read_body(request, bodies.ModelBody)
        model = self._reads.lookup(request).model(bodies.require(body.name, "name"))
        edit = delete_model(model.name, reason=_REASON)
        await self._changes.write(request, model.name.namespace, edit, "delete")
        return JsonResponse(_DONE)

    async def set_model_tag(self, request: Request) -> Response:
        """``POST registered-models/set-tag``."""
        body = await bodies.read_body(request, bodies.ModelTagBody)
        model = self._reads.lookup(request).model(bodies.require(body.name, "name"))
        key, value = _check_key(body.key), _check_value(body.value)
        edit = mlflow_edits.set_model_tag(model.name, key, value)
        await self._changes.write(request, model.name.namespace, edit, about=model.name)
        return JsonResponse(_DONE)

    async def delete_model_tag(self, request: Request) -> Response:
        """``DELETE registered-models/delete-tag``."""
        body = await bodies.read_body(request, bodies.ModelTagBody)
        model = self._reads.lookup(request).model(bodies.require(body.name, "name"))
        edit = mlflow_edits.delete_model_tag(model.name, _check_key(body.key))
        await self._changes.write(request, model.name.namespace, edit, about=model.name)
        return JsonResponse(_DONE)

    # --- versions

    async def create_version(self, request: Request) -> Response:
        """``POST model-versions/create``."""
        body = await bodies.read_body(request, bodies.CreateVersionBody)
        lookup = self._reads.lookup(request)
        bodies.require(body.name, "name")
        source = bodies.require(body.source, "source")
        tags = _check_tags(body.tags)
        model = lookup.model(body.name)
        if tags.get(_PROMPT, "").lower() != "true":
            check_source(source)
        origin = VersionOrigin(source, body.run_id or "", body.run_link or "", body.model_id or "")
        new = await self._new_version(request, origin, body.description or "", tags)
        known = KnownVersions(lambda: self._reads.lookup(request).snapshot)
        edit = mlflow_edits.create_version(
            model.name, new, gone=known.find_gone, find_equal=known.find_equal
        )
        written = await self._changes.write(request, model.name.namespace, edit, about=model.name)
        return self._answer_created(request, written)

    async def _new_version(
        self, request: Request, origin: VersionOrigin, description: str, tags: Mapping[str, str]
    ) -> NewVersion:
        lookup = self._reads.lookup(request)
        new = NewVersion(origin, description, tags, author=lookup.subject.name)
        service, snapshot = self._service, lookup.snapshot
        if found := self._find_copied(lookup, origin.source):
            return replace(new, artifacts=found, pointers=render_pointers(found))
        host = f"{request.url.scheme}://{request.headers.get('host', '')}"
        members = find_source(snapshot, origin, {service.public_url, host})
        if not members:
            return new
        return await asyncio.to_thread(self._store, new, members)

    def _store(self, new: NewVersion, members: Sequence[Member]) -> NewVersion:
        """A version with uploaded files as its artifact."""
        store = self._service.registry.store
        staged = store.take_members(members, name=MODEL_ARTIFACT)
        store.upload([staged])
        return replace(new, artifacts=[staged.entry], pointers={MODEL_ARTIFACT: staged.pointer})

    def _find_copied(self, lookup: Lookup, source: str) -> list[Data]:
        """The stored artifacts of the version that a source such as ``models:/lang-id/3`` names."""
        match = _MODEL_SOURCE.fullmatch(source)
        model = None if match is None else lookup.find_model(match["name"])
        if match is None or model is None:
            return []
        found = lookup.snapshot.version_numbered(model.name, int(match["number"]))
        if found is None or not found.is_listed or is_encrypted(found):
            return []
        return [entry for entry in records(found.data, "artifacts") if "path" in entry]

    def _answer_created(self, request: Request, written: Written) -> Response:
        lookup = self._reads.lookup(request)
        added = written.change.versions[0]
        found = lookup.snapshot.version(added.model, added.selector)
        if found is not None:
            return self._reads.answer_version(lookup, found)
        raise ConflictError(f"{added} was changed by another request", remedy="try again")

    async def _find_version(
        self, request: Request, body: bodies.VersionBody
    ) -> tuple[Lookup, VersionRecord]:
        lookup = self._reads.lookup(request)
        bodies.require(body.name, "name")
        return lookup, lookup.version(body.name, bodies.require(body.version, "version"))

    async def _change_version(
        self, request: Request, version: VersionRecord, edit: Edit, *scopes: Scope
    ) -> Response:
        await self._changes.write(
            request, version.model.namespace, edit, *scopes, about=version.model
        )
        lookup = self._reads.lookup(request)
        found = lookup.snapshot.version(version.model, version.version) or version
        return self._reads.answer_version(lookup, found)

    async def update_version(self, request: Request) -> Response:
        """``PATCH model-versions/update``."""
        body = await bodies.read_body(request, bodies.UpdateVersionBody)
        _, version = await self._find_version(request, body)
        edit = mlflow_edits.describe_version(version.model, version.version, body.description or "")
        return await self._change_version(request, version, edit)

    async def delete_version(self, request: Request) -> Response:
        """``DELETE model-versions/delete``."""
        body = await bodies.read_body(request, bodies.VersionBody)
        _, version = await self._find_version(request, body)
        reference = Reference(version.model, version.version)
        edit = delete_version(reference, reason=_REASON, remove_aliases=True)
        await self._changes.write(request, version.model.namespace, edit, "delete")
        return JsonResponse(_DONE)

    async def set_version_tag(self, request: Request) -> Response:
        """``POST model-versions/set-tag``."""
        body = await bodies.read_body(request, bodies.VersionTagBody)
        _, version = await self._find_version(request, body)
        key, value = _check_key(body.key), _check_value(body.value)
        edit = mlflow_edits.set_version_tag(version.model, version.version, key, value)
        await self._changes.write(request, version.model.namespace, edit, about=version.model)
        return JsonResponse(_DONE)

    async def delete_version_tag(self, request: Request) -> Response:
        """``DELETE model-versions/delete-tag``."""
        body = await bodies.read_body(request, bodies.VersionTagBody)
        _, version = await self._find_version(request, body)
        key = _check_key(body.key)
        edit = mlflow_edits.delete_version_tag(version.model, version.version, key)
        await self._changes.write(request, version.model.namespace, edit, about=version.model)
        return JsonResponse(_DONE)

    async def move_stage(self, request: Request) -> Response:
        """``POST model-versions/transition-stage``."""
        body = await bodies.read_body(request, bodies.StageBody)
        lookup, version = await self._find_version(request, body)
        stage = check_stage(bodies.require(body.stage, "stage"))
        archives: list[str] = []
        if body.archive_existing_versions:
            if stage not in {"Staging", "Production"}:
                raise MlflowError(
                    f"Model version transition cannot archive existing model versions because '{stage}' is not an Active"
                    " stage. Valid stages are Staging, Production"
                )
            model = lookup.snapshot.model_with(version)
            archives = [
                one.version
                for one in lookup.snapshot.versions(model)
                if one.id != version.id and self._reads.renderer.stage(lookup, one) == stage
            ]
        aliases = lookup.stage_aliases()
        edit = mlflow_edits.move_stage(
            version.model, version.version, stage, stage_aliases=aliases, archives=archives
        )
        scopes: tuple[Scope, ...] = ("promote",) if aliases else ("write",)
        return await self._change_version(request, version, edit, *scopes)

    # --- aliases

    async def set_alias(self, request: Request) -> Response:
        """``POST registered-models/alias``."""
        body = await bodies.read_body(request, bodies.AliasBody)
        bodies.require(body.name, "name")
        alias = _check_new_alias(body.alias)
        lookup, version = await self._find_version(request, body)
        moves_stage = alias in find_stages(lookup.snapshot, version.model.namespace)
        edit = set_shown_alias(version.model, version.version, alias, moves_stage=moves_stage)
        scope: Scope = "promote" if moves_stage else "write"
        await self._changes.write(
            request, version.model.namespace, edit, scope, about=version.model
        )
        return JsonResponse(_DONE)

    async def delete_alias(self, request: Request) -> Response:
        """``DELETE registered-models/alias``."""
        body = await bodies.read_body(request, bodies.AliasBody)
        lookup = self._reads.lookup(request)
        alias = _check_alias(body.alias)
        model = lookup.model(bodies.require(body.name, "name"))
        is_stage = alias in find_stages(lookup.snapshot, model.name.namespace)
        edit = remove_shown_alias(model.name, alias)
        scope: Scope = "promote" if is_stage else "write"
        await self._changes.write(request, model.name.namespace, edit, scope, about=model.name)
        return JsonResponse(_DONE)
