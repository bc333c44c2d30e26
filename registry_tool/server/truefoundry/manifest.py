"""A model version's manifest and our files: what goes where, and how it is read back.

What a field of ours can express is in that field; what is over is in the wire data, whole, where reading the fields back
would not give what was written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from registry_tool.errors import UsageError
from registry_tool.manifests.arguments import check_fields
from registry_tool.manifests.data import Data, member, records, text, whole
from registry_tool.manifests.problems import JSON
from registry_tool.server.truefoundry.bodies import ModelManifest

__all__ = [
    "API",
    "EDITABLE",
    "FROZEN",
    "MODEL_ARTIFACT",
    "VersionParts",
    "describe_changes",
    "extra_fields",
    "is_deployable",
    "is_readable",
    "limit_parts",
    "read_environment",
    "read_framework",
    "read_source",
    "split_manifest",
]

API: Final = "truefoundry"
"""The key of ``wire.yaml``, and the word of the trailer ``Registry-Api``."""
MODEL_ARTIFACT: Final = "model"
"""The name of the artifact that is a version's source."""
FROZEN: Final = ("framework", "environment", "source", "step", "run_id")
"""Fields that a version has for ever once it is sealed."""
EDITABLE: Final = ("metadata", "description", "version_alias")
"""Fields that can be changed at any time."""

_KNOWN: Final = frozenset(ModelManifest.model_fields)
_STORES: Final = re.compile(r"(?:s3|gs|wasbs)://\S+")
_TYPES: Final[Mapping[str, frozenset[str]]] = {
    "transformers": frozenset({"library_name", "pipeline_tag", "base_model"}),
    "sklearn": frozenset({"model_filepath", "serialization_format", "model_schema"}),
    "xgboost": frozenset({"model_filepath", "serialization_format", "model_schema"}),
    **dict.fromkeys(
        ("tensorflow", "pytorch", "keras", "lightgbm", "fastai", "h2o", "onnx", "spacy", "statsmodels", "gluon", "paddle"),
        frozenset(),
    ),
}  # fmt: skip
_FORMATS: Final[Mapping[str, frozenset[str]]] = {
    "sklearn": frozenset({"cloudpickle", "joblib", "pickle"}),
    "xgboost": frozenset({"cloudpickle", "joblib", "pickle", "json"}),
}
_METHODS: Final[Mapping[str, frozenset[str]]] = {
    "sklearn": frozenset({"predict", "predict_proba"}),
    "xgboost": frozenset({"predict"}),
}
_DEPLOYS_WITH: Final = ("model_filepath", "serialization_format")


def _fits(name: str, value: JSON) -> bool:
    """True for a value that a field of ``version.yaml`` can have."""
    try:
        check_fields("version/v1", {name: value})
    except UsageError:
        return False
    return True


def _kept(name: str, value: Data) -> dict[str, JSON]:
    """The members of a value that a field of ``version.yaml`` can have, each tried with those before it."""
    found: dict[str, JSON] = {"type": value["type"]} if "type" in value else {}
    for key, one in value.items():
        if _fits(name, {**found, key: one}):
            found[key] = one
    return found


# --- reading


def read_framework(record: Data, wire: Data) -> Data | None:
    """The framework of a version, also of one that did not come from here; None where TrueFoundry knows none like it."""
    if "framework" in wire:
        return member(wire, "framework")
    given = member(record, "framework")
    kind = text(given, "type")
    if kind not in _TYPES:
        return None
    found = {key: value for key, value in given.items() if key in _TYPES[kind]}
    if text(found, "serialization_format") not in _FORMATS.get(kind, ()):
        found.pop("serialization_format", None)
    schema = found.get("model_schema")
    if isinstance(schema, dict) and not _is_shown_schema(kind, schema):
        del found["model_schema"]
    return {"type": kind, **found}


def _is_shown_schema(kind: str, schema: Data) -> bool:
    named = text(schema, "infer_method_name") in _METHODS[kind]
    return named and isinstance(schema.get("inputs"), list) and isinstance(schema.get("outputs"), list)  # fmt: skip


def read_environment(record: Data, wire: Data) -> Data | None:
    """The environment of a version; None where it has none."""
    if "environment" in wire:
        return member(wire, "environment")
    given = member(record, "environment")
    found = {key: given[key] for key in ("python_version", "pip_packages") if key in given}
    return found or None


def read_source(record: Data, wire: Data, stored: str) -> Data:
    """The source of a version, also of one that did not come from here.

    Args:
        record: The fields of ``version.yaml``.
        wire: The wire data of this protocol.
        stored: The address for a version whose files the registry has and that names no other.
    """
    if "source" in wire:
        return member(wire, "source")
    source, entries = member(record, "source"), records(record, "artifacts")
    if any("path" in entry for entry in entries):
        address = text(source, "uri") if text(source, "type") == API else ""
        return {"type": "truefoundry", "uri": address or stored}
    if text(source, "type") == "local" and text(source, "uri"):
        return {"type": "local", "file_or_folder": text(source, "uri")}
    ordered = sorted(entries, key=lambda entry: text(entry, "role") != "model")
    for address in (*(text(entry, "uri") for entry in ordered), text(source, "uri")):
        if _STORES.fullmatch(address):
            return {"type": "external", "uri": address}
    # TrueFoundry's client accepts no address of another kind.
    return {"type": "truefoundry"}


def is_readable(record: Data, source: Data) -> bool:
    """True for a version whose files a deployment can read, as far as the record says: no connection is opened."""
    entries = [entry for entry in records(record, "artifacts") if text(entry, "role") == "model"]
    if any("encryption" in entry for entry in entries):
        return False
    stored = any("path" in entry for entry in entries)
    return stored or (text(source, "type") == "external" and bool(text(source, "uri")))


def is_deployable(framework: Data | None) -> bool:
    """True for a framework that says all that a deployment needs."""
    if framework is None:
        return False
    needed = _DEPLOYS_WITH if text(framework, "type") in _FORMATS else ()
    return all(text(framework, name) for name in needed)


# --- writing


@dataclass(frozen=True)
class VersionParts:
    """What is written of a version.

    Attributes:
        fields: Fields of ``version.yaml``; None removes one.
        artifacts: Its artifacts; None leaves them.
        pointers: Their pointers by artifact path.
        wire: What ``wire.yaml`` says for this protocol.
    """

    fields: dict[str, JSON] = field(default_factory=dict)
    artifacts: Sequence[Data] | None = ()
    pointers: Mapping[str, bytes] = field(default_factory=dict)
    wire: dict[str, JSON] = field(default_factory=dict)


def split_manifest(
    given: Mapping[str, JSON], artifacts: Sequence[Data], pointers: Mapping[str, bytes], stored: str
) -> VersionParts:
    """Where each part of a manifest is written.

    Args:
        given: The manifest, checked.
        artifacts: The entries of the files that the registry has for it.
        pointers: Their pointers.
        stored: As for ``read_source``.
    """
    fields: dict[str, JSON] = {"framework": None, "environment": None}
    wire: dict[str, JSON] = {}
    for name in ("framework", "environment"):
        value = given.get(name)
        if isinstance(value, dict):
            kept = _kept(name, value)
            fields[name] = kept or None
            reader = read_framework if name == "framework" else read_environment
            if reader({name: kept}, {}) != value:
                wire[name] = value
    source, tracked = _split_source(given)
    entries = [*artifacts] or tracked
    if source.get("run_id") != given.get("run_id"):
        wire["run_id"] = given.get("run_id")
    record: dict[str, JSON] = {"source": source, "artifacts": [dict(entry) for entry in entries]}
    if read_source(record, {}, stored) != given["source"]:
        wire["source"] = given["source"]
    fields["source"] = source
    if extra := extra_fields(given):
        wire["extra"] = extra
    return VersionParts(fields, entries, pointers, wire)


def limit_parts(
    parts: VersionParts, record: Data, wire: Data, changed: Sequence[str]
) -> VersionParts:
    """What is written of a draft when only some fields change: the others stay as another protocol wrote them.

    Args:
        parts: What is written of the whole manifest.
        record: The fields of ``version.yaml`` before.
        wire: The wire data of this protocol before.
        changed: The fields that change.
    """
    fields = {name: parts.fields[name] for name in ("framework", "environment") if name in changed}
    kept = {name: wire[name] for name in FROZEN if name in wire and name not in changed}
    new = {name: value for name, value in parts.wire.items() if name in changed or name == "extra"}
    if "source" in changed:
        fields["source"] = parts.fields["source"]
        return VersionParts(fields, parts.artifacts, parts.pointers, {**kept, **new})
    if {"step", "run_id"}.intersection(changed):
        said = member(parts.fields["source"])
        before = {k: v for k, v in member(record, "source").items() if k not in {"step", "run_id"}}
        moved = {name: said[name] for name in ("run_id", "step") if name in said}
        fields["source"] = {"type": said["type"], **before, **moved}
    return VersionParts(fields, None, {}, {**kept, **new})


def extra_fields(given: Data) -> dict[str, JSON]:
    """The fields of a manifest that this release does not know; they are kept."""
    return {key: value for key, value in given.items() if key not in _KNOWN}


def _split_source(given: Mapping[str, JSON]) -> tuple[dict[str, JSON], list[Data]]:
    """``source`` of ``version.yaml``, and the entry of files that are elsewhere."""
    written = member(given.get("source"))
    kind = text(written, "type")
    address = text(written, "file_or_folder" if kind == "local" else "uri")
    found: dict[str, JSON] = {"type": kind}
    entries: list[Data] = []
    if kind == "external":
        entries.append({"name": MODEL_ARTIFACT, "role": "model", "uri": address})
    elif address and _fits("source", {"type": kind, "uri": address}):
        found["uri"] = address
    if text(given, "run_id") and _fits("source", {"type": kind, "run_id": given["run_id"]}):
        found["run_id"] = given["run_id"]
    if whole(given, "step"):
        found["step"] = whole(given, "step")
    return found, entries


def describe_changes(before: Data, after: Data) -> list[str]:
    """The fields that two manifests differ in, in their order; a step that is missing is 0."""
    names = dict.fromkeys([*FROZEN, *EDITABLE, *(k for k in (*before, *after) if k not in _KNOWN)])
    return [name for name in names if _plain(name, before) != _plain(name, after)]


def _plain(name: str, manifest: Data) -> JSON:
    value = manifest.get(name)
    if name == "step":
        return value or 0
    return None if value in ("", {}) and name != "metadata" else value
