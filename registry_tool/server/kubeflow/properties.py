"""Custom properties as free metadata and back: one pool that all protocols write, so each value has its natural type."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Final

import orjson

from registry_tool.manifests.data import Data
from registry_tool.manifests.problems import JSON
from registry_tool.writer.branch_names import PROPOSALS

__all__ = [
    "PROPOSAL",
    "is_typed",
    "read_properties",
    "without_proposal",
    "write_properties",
    "write_proposal",
]

PROPOSAL: Final = "registry_proposal"
"""The custom property with the branch of an object that is proposed, or of a proposed change of it; set by the server."""

# A property with an empty string is a label where the name can be one.
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9._:/-]{0,62}[a-z0-9])?")
_MOST_LABELS: Final = 64
_TYPE: Final = "$type"
_BYTES: Final = frozenset({"MetadataStructValue", "MetadataProtoValue"})


def _value(given: Mapping[str, JSON]) -> JSON:
    match given["metadataType"]:
        case "MetadataIntValue":
            return int(str(given["int_value"]))
        case "MetadataDoubleValue":
            return float(str(given["double_value"]))
        case "MetadataStringValue":
            return given["string_value"]
        case "MetadataBoolValue":
            return given["bool_value"]
        case kind:
            rest = {key: value for key, value in given.items() if key != "metadataType"}
            return {_TYPE: kind, **rest}


def is_typed(value: Data) -> bool:
    """True for what a custom property of Kubeflow's own structured types is in free metadata."""
    return value.get(_TYPE) in _BYTES


def _property(value: JSON) -> dict[str, JSON]:
    """One value of free metadata; of a kind that Kubeflow does not know as the base64 of its JSON, as a struct is."""
    if isinstance(value, bool):
        return {"metadataType": "MetadataBoolValue", "bool_value": value}
    if isinstance(value, int):
        return {"metadataType": "MetadataIntValue", "int_value": str(value)}
    if isinstance(value, float):
        return {"metadataType": "MetadataDoubleValue", "double_value": value}
    if isinstance(value, str):
        return {"metadataType": "MetadataStringValue", "string_value": value}
    if isinstance(value, dict) and is_typed(value):
        rest = {key: one for key, one in value.items() if key != _TYPE}
        return {"metadataType": value[_TYPE], **rest}
    encoded = base64.b64encode(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).decode()
    return {"metadataType": "MetadataStructValue", "struct_value": encoded}


def read_properties(given: Mapping[str, JSON], before: Data) -> tuple[dict[str, JSON], list[str]]:
    """Custom properties of a request as free metadata and labels.

    Args:
        given: By name, as ``bodies`` has checked them.
        before: The free metadata that the object has: a value that the client sends back as it was shown stays as it is.
    """
    metadata: dict[str, JSON] = {}
    labels: list[str] = []
    for name, one in given.items():
        if not isinstance(one, dict):
            continue
        if name in before and _property(before[name]) == one:
            metadata[name] = before[name]
        elif (
            one.get("string_value") == ""
            and _LABEL.fullmatch(name)
            and name not in before
            and len(labels) < _MOST_LABELS
        ):
            labels.append(name)
        else:
            metadata[name] = _value(one)
    return metadata, labels


def write_properties(metadata: Data, labels: Iterable[str] = ()) -> dict[str, JSON]:
    """Free metadata and labels as custom properties, by name."""
    found: dict[str, JSON] = {label: _property("") for label in labels}
    found.update({name: _property(value) for name, value in metadata.items()})
    return found


def write_proposal(branch: str) -> dict[str, JSON]:
    """The value of ``PROPOSAL``."""
    return _property(branch)


def without_proposal(given: Mapping[str, JSON]) -> dict[str, JSON]:
    """Custom properties of a request without the one that only the server sets, and that a client sends back."""
    value = given.get(PROPOSAL)
    branch = value.get("string_value") if isinstance(value, dict) else None
    is_shown = isinstance(branch, str) and branch.startswith(PROPOSALS)
    return {name: one for name, one in given.items() if name != PROPOSAL or not is_shown}
