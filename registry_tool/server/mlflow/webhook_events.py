"""What Git says has happened, as the messages of MLflow's webhooks.

The payloads are those of https://github.com/mlflow/mlflow/blob/v3.17.2/mlflow/webhooks/types.py. They are made from the state of
the commit that published the change, so the same commit gives the same messages, whoever made it and whenever it is read.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from registry_tool.api.registry import open_registry
from registry_tool.catalog.catalog import Catalog, ModelView, VersionView
from registry_tool.catalog.events import AliasEvent, MetadataEvent, ModelEvent, VersionEvent
from registry_tool.catalog.history import HistoryEntry
from registry_tool.catalog.merged import merged_metadata
from registry_tool.git.repository import Repository
from registry_tool.integrations.mlflow_mapping import (
    API,
    NO_DESCRIPTION,
    join_name,
    read_origin,
    render_tags,
)
from registry_tool.manifests.data import Data, member, text
from registry_tool.manifests.document import Document
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName
from registry_tool.server.mlflow.render import PROXY_ROOT
from registry_tool.server.service import Service
from registry_tool.server.webhooks.delivery import Message, Published

__all__ = ["ACTIONS", "MlflowWebhooks", "example_message", "render_message"]

ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "registered_model": ("created",),
    "model_version": ("created",),
    "model_version_tag": ("set", "deleted"),
    "model_version_alias": ("created", "deleted"),
    "prompt": ("created",),
    "prompt_version": ("created",),
    "prompt_tag": ("set", "deleted"),
    "prompt_version_tag": ("set", "deleted"),
    "prompt_alias": ("created", "deleted"),
    "budget_policy": ("exceeded",),
}
"""The actions of each entity; a kind of message is ``entity.action``."""

_IS_PROMPT: Final = "mlflow.prompt.is_prompt"
_PROMPT_TEXT: Final = "mlflow.prompt.text"
_OF_PROMPTS: Final = frozenset({_IS_PROMPT, "_mlflow_prompt_type"})  # tags that MLflow leaves out
_NO_DATA: Final[Data] = {}


def render_message(kind: str, when: str, data: Mapping[str, JSON]) -> Message:
    """A message, as MLflow's server writes it.

    Args:
        kind: ``entity.action``.
        when: When it happened, in the form of ISO 8601.
        data: The payload.
    """
    entity, _, action = kind.partition(".")
    body = {"entity": entity, "action": action, "timestamp": when, "data": dict(data)}
    return Message(kind, json.dumps(body).encode())


def example_message(kind: str, when: str) -> Message:
    """The message that MLflow sends to test a webhook."""
    entity, _, action = kind.partition(".")
    if entity == "budget_policy":
        return render_message(kind, when, _BUDGET)
    noun = "prompt" if entity.startswith("prompt") else "model"
    data: dict[str, JSON] = {"name": f"example_{noun}"}
    if entity.endswith("_alias"):
        data["alias"] = "example_alias"
    if "version" in entity or entity == "prompt_alias":
        data["version"] = "1"
    if entity.endswith("_alias") and action == "deleted":
        del data["version"]
    if entity == "model_version":
        data |= {"source": "models:/123", "run_id": "abcd1234abcd5678"}
    if entity == "prompt_version":
        data["template"] = "Hello {{name}}!"
    if entity.endswith("_tag"):
        data["key"] = "example_key"
        data |= {"value": "example_value"} if action == "set" else {}
    elif action == "created" and not entity.endswith("_alias"):
        shown = {"registered_model": "registered model"}.get(entity, entity.replace("_", " "))
        data |= {"tags": {"example_key": "example_value"}, "description": f"An example {shown}"}
    return render_message(kind, when, data)


_BUDGET: Final[Mapping[str, JSON]] = {
    "budget_policy_id": "bp-abc123",
    "budget_unit": "USD",
    "budget_amount": 100.0,
    "current_spend": 105.5,
    "duration_unit": "MONTHS",
    "duration_value": 1,
    "target_scope": "ENDPOINT",
    "workspace": "default",
    "target_value": "ep-abc123",
    "window_start": 1704067200000,
}


def _data(document: Document | None) -> Data:
    found = None if document is None else document.data
    return _NO_DATA if found is None else found


def _tags(metadata: Data) -> dict[str, JSON]:
    return {tag["key"]: tag["value"] for tag in render_tags(metadata)}


def _version_tags(version: VersionView | None) -> dict[str, JSON]:
    if version is None:
        return {}
    return _tags(merged_metadata(_data(version.document), _data(version.metadata)))


class _State(NamedTuple):
    """The registry before and after a commit."""

    before: Catalog | None
    after: Catalog

    def model(self, name: str) -> ModelView:
        """A model as it is after the commit, also one that it removes."""
        return ModelView(self.after, ModelName.parse(name))

    def model_before(self, name: str) -> ModelView | None:
        return None if self.before is None else ModelView(self.before, ModelName.parse(name))

    def is_prompt(self, name: str) -> bool:
        found = member(_data(self.model(name).document), "metadata")
        return str(found.get(_IS_PROMPT, "")).lower() == "true"


class MlflowWebhooks:
    """The messages of a served registry, and their signatures; see ``delivery.WebhookProtocol``.

    Args:
        service: The registry.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def sign(self, secret: str, delivery: str, moment: int, body: bytes) -> Mapping[str, str]:
        """See ``WebhookProtocol``; the signature is that of https://www.standardwebhooks.com, in headers of MLflow's own."""
        headers = {"X-MLflow-Delivery-Id": delivery, "X-MLflow-Timestamp": str(moment)}
        if secret:
            signed = f"{delivery}.{moment}.".encode() + body
            digest = hmac.new(
                secret.encode(errors="surrogatepass"), signed, hashlib.sha256
            ).digest()
            headers["X-MLflow-Signature"] = f"v1,{base64.b64encode(digest).decode()}"
        return headers

    def read(self, base: str, head: str) -> list[Published]:
        """See ``WebhookProtocol``."""
        with open_registry(self._service.registry.repository.source, ref=head) as at:
            groups: dict[str, list[HistoryEntry]] = {}
            for entry in at.events(base or None):
                groups.setdefault(entry.commit, []).append(entry)
            found = [
                Published(commit, self._translate(at.repository, entries))
                for commit, entries in groups.items()
            ]
        return [one for one in found if one.messages]

    def _translate(self, repository: Repository, entries: Sequence[HistoryEntry]) -> list[Message]:
        kinds = (ModelEvent, VersionEvent, MetadataEvent, AliasEvent)  # also their order
        wanted = [entry for entry in entries if isinstance(entry.event, kinds)]
        if not wanted:
            return []
        first = wanted[0]
        before = Catalog(repository.tree(first.parent)) if first.parent else None
        state = _State(before, Catalog(repository.tree(first.commit)))
        added = {
            (entry.event.model, entry.event.version)
            for entry in wanted
            if isinstance(entry.event, VersionEvent) and entry.event.act == "added"
        }
        wanted.sort(key=lambda entry: kinds.index(type(entry.event)))
        when = first.when.isoformat()
        return [
            render_message(kind, when, data)
            for entry in wanted
            for kind, data in self._payloads(state, entry.event, added)
        ]

    def _payloads(
        self, state: _State, event: object, added: set[tuple[str, str]]
    ) -> Iterator[tuple[str, dict[str, JSON]]]:
        match event:
            case ModelEvent(act="added"):
                yield self._model_created(state, event)
            case ModelEvent(act="edited") if state.is_prompt(event.model):
                yield from self._prompt_tags(state, event)
            case VersionEvent(act="added"):
                yield self._version_created(state, event)
            case MetadataEvent() if (event.model, event.version) not in added:
                yield from self._tag_changes(state, event)
            case AliasEvent() if event.version != event.before:
                yield self._alias(state, event)

    def _name(self, model: ModelView) -> str:
        writing = self._service.writing_namespace(API)
        return join_name(model.name.namespace, model.title or model.name.name, writing)

    def _number(self, model: ModelName, version: str) -> str:
        """The number of a version in MLflow, which never changes."""
        snapshot = self._service.snapshot
        found = snapshot.version(model, version)
        return version if found is None else str(snapshot.number(found))

    def _model_created(self, state: _State, event: ModelEvent) -> tuple[str, dict[str, JSON]]:
        model, is_prompt = state.model(event.model), state.is_prompt(event.model)
        record = _data(model.document)
        left_out = _OF_PROMPTS if is_prompt else frozenset()
        tags = _tags(member(record, "metadata"))
        return "prompt.created" if is_prompt else "registered_model.created", {
            "name": self._name(model),
            "tags": {key: value for key, value in tags.items() if key not in left_out},
            "description": text(record, "description"),
        }

    def _prompt_tags(
        self, state: _State, event: ModelEvent
    ) -> Iterator[tuple[str, dict[str, JSON]]]:
        model, before = state.model(event.model), state.model_before(event.model)
        old = _tags(member(_data(before.document if before else None), "metadata"))
        new = _tags(member(_data(model.document), "metadata"))
        yield from _differences("prompt_tag", {"name": self._name(model)}, old, new)

    def _version_created(self, state: _State, event: VersionEvent) -> tuple[str, dict[str, JSON]]:
        model = state.model(event.model)
        version = model.version(event.version)
        record = _data(version.document if version else None)
        wire = member(_data(version.wire if version else None), API)
        said = text(_data(version.metadata if version else None), "description")
        said = (
            ""
            if text(wire, "description") == NO_DESCRIPTION
            else said or text(record, "description")
        )
        tags = _version_tags(version)
        data: dict[str, JSON] = {
            "name": self._name(model),
            "version": self._number(model.name, event.version),
        }
        if state.is_prompt(event.model):
            template = tags.pop(_PROMPT_TEXT, None)
            left: dict[str, JSON] = {k: v for k, v in tags.items() if k not in _OF_PROMPTS}
            rest: dict[str, JSON] = {"template": template, "tags": left}
            return "prompt_version.created", {**data, **rest, "description": said or None}
        name = model.name
        proxy = f"mlflow-artifacts:/{PROXY_ROOT}/{name.namespace}/{name.name}/{event.version}"
        origin = read_origin(record, wire, proxy)
        rest = {"source": origin.source, "run_id": origin.run_id or None, "tags": {**tags}}
        return "model_version.created", {**data, **rest, "description": said or None}

    def _tag_changes(
        self, state: _State, event: MetadataEvent
    ) -> Iterator[tuple[str, dict[str, JSON]]]:
        model, before = state.model(event.model), state.model_before(event.model)
        old = _version_tags(None if before is None else before.version(event.version))
        new = _version_tags(model.version(event.version))
        entity = "prompt_version_tag" if state.is_prompt(event.model) else "model_version_tag"
        number = self._number(model.name, event.version)
        yield from _differences(entity, {"name": self._name(model), "version": number}, old, new)

    def _alias(self, state: _State, event: AliasEvent) -> tuple[str, dict[str, JSON]]:
        model, before = state.model(event.model), state.model_before(event.model)
        entity = "prompt_alias" if state.is_prompt(event.model) else "model_version_alias"
        shown = model.find_title(event.alias)
        if not event.version and before is not None:
            shown = before.find_title(event.alias)
        data: dict[str, JSON] = {"name": self._name(model), "alias": shown or event.alias}
        if not event.version:
            return f"{entity}.deleted", data
        return f"{entity}.created", {**data, "version": self._number(model.name, event.version)}


def _differences(
    entity: str, data: dict[str, JSON], old: Mapping[str, JSON], new: Mapping[str, JSON]
) -> Iterator[tuple[str, dict[str, JSON]]]:
    """Tags that were set or deleted."""
    for key in sorted({*old, *new}):
        if key not in new:
            yield f"{entity}.deleted", {**data, "key": key}
        elif old.get(key) != new[key]:
            yield f"{entity}.set", {**data, "key": key, "value": new[key]}
