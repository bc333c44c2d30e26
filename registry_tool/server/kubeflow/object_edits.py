"""What has no manifest of its own here, as objects: environments, services, serve actions, experiments, runs, artifacts."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.edits.objects import ObjectName, edit_object, find_object, put_object
from registry_tool.errors import NotFoundError
from registry_tool.live.records import ObjectRecord
from registry_tool.manifests.data import Data, member
from registry_tool.manifests.problems import JSON
from registry_tool.server.kubeflow.bodies import (
    Body,
    ExperimentBody,
    ExperimentRunBody,
    InferenceServiceBody,
    ServeModelBody,
    ServingEnvironmentBody,
)
from registry_tool.server.kubeflow.render import API
from registry_tool.server.long_series import SeriesPlace

__all__ = ["KINDS", "ObjectKind", "add_object", "history_place", "random_name", "update_object"]

# Points of a metric in its object, where no remote takes the first ones; each has three keys and is an item, and a check accepts 10,000 keys and items (C434).
_MOST_HISTORY: Final = 2_000
# References are kept by place, in ``about`` and ``parent``; the ids that clients send follow from the history.
_REFERENCES: Final = frozenset(
    {
        "registeredModelId", "modelVersionId", "servingEnvironmentId", "experimentId",
        "experimentRunId",
    }
)  # fmt: skip


class ObjectKind(NamedTuple):
    """One kind of object.

    Attributes:
        name: As in ``objects/kubeflow/<name>``.
        body: Its requests.
        is_unique: True where two of one parent cannot have one name.
    """

    name: str
    body: type[Body]
    is_unique: bool = True


KINDS: Final[dict[str, ObjectKind]] = {
    "serving_environments": ObjectKind("serving-environment", ServingEnvironmentBody),
    "inference_services": ObjectKind("inference-service", InferenceServiceBody),
    "serves": ObjectKind("serve", ServeModelBody),
    "experiments": ObjectKind("experiment", ExperimentBody),
    "experiment_runs": ObjectKind("run", ExperimentRunBody, is_unique=False),
}
"""By the word in the path of its endpoints."""


def random_name() -> str:
    """The name of an object whose client gives none."""
    return str(uuid.uuid4())


def _data(body: Mapping[str, JSON], about: Mapping[str, str]) -> dict[str, JSON]:
    left = {k: v for k, v in body.items() if k not in {"name", "externalId", *_REFERENCES}}
    if body.get("externalId"):
        left["external_id"] = body["externalId"]
    if about:
        left["about"] = dict(about)
    if body.get("artifactType") == "metric":
        left["history"] = [_point(body)]
    return left


def _point(body: Mapping[str, JSON]) -> dict[str, JSON]:
    return {key: body[key] for key in ("value", "timestamp", "step") if key in body}


def add_object(
    kind: str, body: Mapping[str, JSON], *, parent: str = "", about: Mapping[str, str] | None = None
) -> Edit:
    """Add an object.

    Args:
        kind: What it is.
        body: Its fields.
        parent: ``kind/slug`` of the one that it belongs to.
        about: The model and version that it is about, by path.
    """
    title = str(body.get("name") or random_name())
    return put_object(API, kind, title, _data(body, about or {}), parent=parent)


def update_object(
    slug: str,
    kind: str,
    body: Mapping[str, JSON],
    now: int,
    *,
    about: Mapping[str, str] | None = None,
) -> Edit:
    """Change fields of an object; an update that changes nothing counts as one too, and a metric keeps its history.

    Args:
        slug: The object.
        kind: What it is.
        body: The fields that are given.
        now: The time, in milliseconds.
        about: The model and version that it is about now, where that is given.
    """
    name = ObjectName(API, kind, slug)

    def edit(catalog: Catalog) -> ChangeSet:
        found = find_object(catalog, name)
        if found is None or found.data is None:
            raise NotFoundError(f"not found: the object {name}")
        before = member(found.data, "data")
        new = _merged(before, body, {**member(before, "about"), **(about or {})})
        title = body.get("name")
        change = edit_object(name, data=new, title=str(title) if title else None)(catalog)
        if change.puts:
            return change
        return edit_object(name, data={**new, "touched": now})(catalog)

    return edit


def _merged(before: Data, body: Mapping[str, JSON], about: Data) -> dict[str, JSON]:
    given = _data(body, {})
    history = before.get("history")
    new = {**before, **given}
    if about:
        new["about"] = dict(about)
    if kind_of_metric(body, before) and isinstance(history, list) and "value" in body:
        new["history"] = [*history, _point({**body})][-_MOST_HISTORY:]
    elif "history" in before:
        new["history"] = history
    if "history_batches" in before:
        new["history_batches"] = before["history_batches"]
    return new


def history_place(record: ObjectRecord) -> SeriesPlace:
    """Where the values are that a metric had."""
    name = ObjectName(record.api, record.kind, record.slug)
    return SeriesPlace(name, "history", "history_batches")


def kind_of_metric(body: Mapping[str, JSON], before: Data) -> bool:
    """True for an update of a metric."""
    return body.get("artifactType", before.get("artifactType")) == "metric"
