"""Artifacts, metrics and parameters of a version: entries of its manifests, and as Kubeflow's JSON.

What an entry has no field for lies in its metadata under ``$kubeflow``, so that an artifact that is added or changed touches
no file that says something about its version. What another protocol keeps there is not shown, and stays. Metrics and parameters have no metadata: what is over lies in the version's
wire data, by label.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from typing import Final

import orjson

from registry_tool.manifests.arguments import fits
from registry_tool.manifests.data import Data, member, text
from registry_tool.manifests.problems import JSON
from registry_tool.server.kubeflow.properties import is_typed, read_properties, write_properties

__all__ = [
    "OWN",
    "entry_name",
    "find_rest",
    "kept_by_others",
    "label_of_kind",
    "show_entry",
    "show_metric",
    "show_parameter",
    "write_entry",
    "write_metric",
    "write_parameter",
]

OWN: Final = "$kubeflow"
_NO_ADDRESS: Final = "urn:kubeflow:none"
_TYPES: Final = {
    "model": "model-artifact",
    "document": "doc-artifact",
    "dataset": "dataset-artifact",
}
_ROLES: Final = {kind: role for role, kind in _TYPES.items()}
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")
_KEY: Final = re.compile(r"[!-~](?:[ -~]{0,126}[!-~])?")
_LONGEST: Final = 40
_MILLISECONDS: Final = re.compile(r"(?:0|[1-9][0-9]{0,14})")


def label_of_kind(kind: str) -> str:
    """The kind of label that an ``artifactType`` has in the live catalog: ``artifact``, ``metric`` or ``parameter``."""
    return kind if kind in {"metric", "parameter"} else "artifact"


def entry_name(name: str, taken: Collection[str], kind: str) -> str:
    """The name of a new entry: the client's, where it is one and free.

    Args:
        name: As the client writes it.
        taken: The names of the other entries.
        kind: ``artifact``, ``metric`` or ``parameter``.
    """
    pattern = _NAME if kind == "artifact" else _KEY
    if pattern.fullmatch(name) and name not in taken:
        return name
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:_LONGEST].strip("-._") or kind
    slug = f"{plain}-{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:8]}"
    number, found = 2, slug
    while found in taken:
        found, number = f"{slug}-{number}", number + 1
    return found


def write_entry(body: Mapping[str, JSON], name: str, updated: int) -> dict[str, JSON]:
    """The entry of a model, document or data-set artifact.

    Args:
        body: All of its fields.
        name: Its name in the manifest.
        updated: When, in milliseconds; 0 for a new one.
    """
    left = dict(body)
    kind = str(left.pop("artifactType"))
    entry: dict[str, JSON] = {"name": name, "role": _ROLES[kind]}
    own: dict[str, JSON] = {"updated": updated} if updated else {}
    if left.get("name") == name:
        del left["name"]
    form = {
        key: left[field]
        for key, field in (("name", "modelFormatName"), ("version", "modelFormatVersion"))
        if field in left
    }
    whole = {"name": "x", "role": "model", "uri": _NO_ADDRESS}
    if "name" in form and fits("version/v1", "artifacts", [{**whole, "format": form}]):
        entry["format"] = form
        left.pop("modelFormatName")
        left.pop("modelFormatVersion", None)
    for field, key in (
        ("uri", "uri"),
        ("externalId", "external_id"),
        ("description", "description"),
    ):
        if field in left and fits("version/v1", "artifacts", [{**whole, key: left[field]}]):
            entry[key] = left.pop(field)
    entry.setdefault("uri", _NO_ADDRESS)
    given = left.pop("customProperties", None)
    metadata, labels = read_properties(given if isinstance(given, dict) else {}, {})
    metadata.update(dict.fromkeys(labels, ""))
    if own | left:
        metadata[OWN] = {**own, **left}
    if metadata:
        entry["metadata"] = metadata
    return entry


def kept_by_others(metadata: Data) -> Data:
    """What other protocols keep in the metadata of an entry: mappings below ``$`` and a name.

    A custom property that a client gave such a name is no mapping, or says its type.
    """
    return {
        key: value
        for key, value in metadata.items()
        if key[:1] == "$" and key != OWN and isinstance(value, dict) and not is_typed(value)
    }


def show_entry(entry: Data, where: str) -> dict[str, JSON]:
    """The artifact that an entry is, without id and times.

    Args:
        entry: The entry.
        where: The version, for the address of a stored artifact.
    """
    metadata = member(entry, "metadata")
    own = member(metadata, OWN)
    found: dict[str, JSON] = {
        "artifactType": _TYPES.get(text(entry, "role"), "doc-artifact"),
        "name": text(entry, "name"),
    }
    uri = text(entry, "uri") or f"registry:{where}/{text(entry, 'path')}"
    form = member(entry, "format")
    if found["artifactType"] == "model-artifact":
        pairs = (("modelFormatName", "name"), ("modelFormatVersion", "version"))
        found |= {field: form[key] for field, key in pairs if key in form}
    if uri != _NO_ADDRESS:
        found["uri"] = uri
    for field, key in (("externalId", "external_id"), ("description", "description")):
        if key in entry:
            found[field] = entry[key]
    kept = kept_by_others(metadata)
    free = {key: value for key, value in metadata.items() if key != OWN and key not in kept}
    if free:
        found["customProperties"] = write_properties(free)
    return {**found, **{k: v for k, v in own.items() if k not in {"updated", "object"}}}


def find_rest(wire: Data, label: str) -> Data:
    """What the wire data of a version says about a metric or parameter."""
    return member(wire, "kubeflow", "artifacts", label)


def write_metric(body: Mapping[str, JSON], key: str) -> tuple[dict[str, JSON], dict[str, JSON]]:
    """The entry of a metric, and what it has no field for."""
    left = {k: v for k, v in body.items() if k not in {"artifactType", "value"}}
    entry: dict[str, JSON] = {"key": key, "value": body["value"]}
    if left.get("name") == key:
        del left["name"]
    if isinstance(step := left.get("step"), int) and step >= 0:
        entry["step"] = step
        del left["step"]
    if _MILLISECONDS.fullmatch(str(left.get("timestamp"))):
        entry["timestamp"] = int(str(left.pop("timestamp")))
    return entry, left


def show_metric(key: str, entry: Data, rest: Data) -> dict[str, JSON]:
    """A metric, without id and times."""
    value = entry.get("value")
    number = value if isinstance(value, int | float) else 0.0
    found: dict[str, JSON] = {"artifactType": "metric", "name": key, "value": number}
    found["step"] = entry.get("step", 0)
    if "timestamp" in entry:
        found["timestamp"] = str(entry["timestamp"])
    if number is not value:
        found["customProperties"] = write_properties({"value": value})
    return {**found, **{k: v for k, v in rest.items() if k != "updated"}}


def write_parameter(body: Mapping[str, JSON], name: str) -> tuple[JSON, dict[str, JSON]]:
    """The value of a parameter, and what it has no field for. A number that reads back the same is a number."""
    left = {k: v for k, v in body.items() if k not in {"artifactType", "value"}}
    if left.get("name") == name:
        del left["name"]
    value = str(body.get("value", ""))
    kind = left.get("parameterType")
    natural = _natural(value)
    if kind == _parameter_type(natural) and _parameter_text(natural) == value:
        del left["parameterType"]
        return natural, left
    return value, left


def _natural(value: str) -> JSON:
    try:
        found: JSON = orjson.loads(value)
    except ValueError:
        return value
    return found


def _parameter_type(value: JSON) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "object"


def _parameter_text(value: JSON) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def show_parameter(name: str, entry: Data, rest: Data) -> dict[str, JSON]:
    """A parameter, without id and times."""
    value = entry.get("value")
    found: dict[str, JSON] = {
        "artifactType": "parameter", "name": name, "value": _parameter_text(value),
    }  # fmt: skip
    if not isinstance(value, str):
        found["parameterType"] = _parameter_type(value)
    return {**found, **{k: v for k, v in rest.items() if k != "updated"}}
