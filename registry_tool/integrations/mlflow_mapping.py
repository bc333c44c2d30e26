"""How MLflow's names, tags, aliases, stages and sources are kept in a registry; without a server, and without MLflow.

The server's MLflow protocol and an MLflow plug-in share this, so that what one of them writes the other reads alike.
https://mlflow.org/docs/latest/api_reference/rest-api.html#modelversion
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping
from typing import Final, NamedTuple

from registry_tool.errors import UsageError
from registry_tool.manifests.arguments import check_fields
from registry_tool.manifests.data import Data, member, records, text
from registry_tool.manifests.problems import JSON

__all__ = [
    "API",
    "MODEL_ARTIFACT",
    "NO_DESCRIPTION",
    "STAGES",
    "MlflowName",
    "VersionOrigin",
    "VersionParts",
    "join_name",
    "parse_stage",
    "read_origin",
    "read_stage",
    "render_tag",
    "render_tags",
    "split_name",
    "split_origin",
]

API: Final = "mlflow"
"""The key of ``wire.yaml``, and the word of the trailer ``Registry-Api``."""
MODEL_ARTIFACT: Final = "model"
"""The name of the artifact that is a version's source."""
STAGES: Final = ("None", "Staging", "Production", "Archived")
"""MLflow's stages, in the order in which it names them."""

NO_DESCRIPTION: Final = "none"
"""``description`` of MLflow's wire data of a version whose record has a description that was removed."""

_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}:[^\x00-\x20\x7f]{1,2000}")
_OLD: Final = frozenset({"deprecated", "withdrawn", "erased"})


class MlflowName(NamedTuple):
    """MLflow's name of a model as the registry takes it.

    Attributes:
        namespace: The namespace.
        shown: The shown name in it.
    """

    namespace: str
    shown: str


def split_name(name: str, namespaces: Container[str], writing: str) -> MlflowName:
    """The namespace and the shown name that a name of MLflow means.

    MLflow has no namespaces and allows no slash. ``nlp.lang-id`` is ``lang-id`` of the namespace ``nlp`` where that exists; any
    other name is one of the writing namespace, dots included.

    Args:
        name: MLflow's name.
        namespaces: The namespaces that exist.
        writing: The namespace whose models have bare names.
    """
    namespace, dot, shown = name.partition(".")
    if dot and shown and namespace != writing and namespace in namespaces:
        return MlflowName(namespace, shown)
    return MlflowName(writing, name)


def join_name(namespace: str, shown: str, writing: str) -> str:
    """MLflow's name of a model; see ``split_name``."""
    return shown if namespace == writing else f"{namespace}.{shown}"


def render_tag(value: JSON) -> str:
    """The text of a metadata value as a tag: text as it is, any other value as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def render_tags(metadata: Data) -> list[dict[str, str]]:
    """Free metadata as MLflow's tags, by key."""
    return [{"key": key, "value": render_tag(metadata[key])} for key in sorted(metadata)]


def parse_stage(stage: str) -> str | None:
    """A stage in any case as MLflow writes it; None where it is none."""
    return next((one for one in STAGES if one.lower() == stage.lower()), None)


def read_stage(
    wire: Data, state: str, aliases: Container[str], stage_aliases: Mapping[str, str]
) -> str:
    """The stage of a version.

    Args:
        wire: What ``wire.yaml`` of the version says for MLflow.
        state: The state of the version.
        aliases: The aliases that point to it.
        stage_aliases: ``mlflow.stages`` of ``serve.yaml``: the alias of each stage that has one. Of such a stage the alias is
            the truth, whoever moved it.
    """
    held = [stage for stage in reversed(STAGES) if stage_aliases.get(stage) in aliases]
    if "Production" in held:
        return "Production"
    if held:
        return held[0]
    written = text(wire, "stage")
    if written in STAGES:
        return "Archived" if written in stage_aliases else written
    return "Archived" if state in _OLD else "None"


class VersionOrigin(NamedTuple):
    """Where a version comes from, in MLflow's words.

    Attributes:
        source: The address of its files, such as ``runs:/…`` or ``s3://…``; or a placeholder, for a prompt.
        run_id: The run that made it.
        run_link: A link to that run.
        model_id: The logged model.
    """

    source: str = ""
    run_id: str = ""
    run_link: str = ""
    model_id: str = ""


class VersionParts(NamedTuple):
    """What is written of a version.

    Attributes:
        fields: Fields of ``version.yaml``.
        artifacts: Its artifacts.
        wire: What ``wire.yaml`` says for MLflow.
    """

    fields: dict[str, JSON]
    artifacts: list[dict[str, JSON]]
    wire: dict[str, JSON]


def _fits(field: str, value: Mapping[str, JSON]) -> bool:
    try:
        check_fields("version/v1", {field: dict(value)})
    except UsageError:
        return False
    return True


def split_origin(origin: VersionOrigin, *, is_stored: bool = False) -> VersionParts:
    """Where each part of an origin is written; what no field can express goes into the wire data.

    Args:
        origin: The origin.
        is_stored: True where the registry has the files, so that the source is not an artifact's address.
    """
    fields: dict[str, JSON] = {}
    artifacts: list[dict[str, JSON]] = []
    wire: dict[str, JSON] = {
        k: v for k, v in (("run_link", origin.run_link), ("model_id", origin.model_id)) if v
    }
    source: dict[str, JSON] = {"type": API}
    if origin.run_id and _fits("source", {**source, "run_id": origin.run_id}):
        source["run_id"] = origin.run_id
    elif origin.run_id:
        wire["run_id"] = origin.run_id
    if not is_stored and _URI.fullmatch(origin.source):
        entry: dict[str, JSON] = {"name": MODEL_ARTIFACT, "role": "model", "uri": origin.source}
        artifacts.append(entry)
    elif origin.source and _fits("source", {**source, "uri": origin.source}):
        source["uri"] = origin.source
    elif origin.source:
        wire["source"] = origin.source
    if len(source) > 1:
        fields["source"] = source
    return VersionParts(fields, artifacts, wire)


def read_origin(record: Data, wire: Data, elsewhere: str) -> VersionOrigin:
    """The origin of a version, also of one that did not come through MLflow.

    Args:
        record: The fields of its ``version.yaml``.
        wire: What its ``wire.yaml`` says for MLflow.
        elsewhere: The address for a version whose files the registry has and that names no other.
    """
    source = member(record, "source")
    tracked = [text(entry, "uri") for entry in records(record, "artifacts")]
    is_stored = any("path" in entry for entry in records(record, "artifacts"))
    address = text(wire, "source") or text(source, "uri")
    if not address and not is_stored:
        address = next(filter(None, tracked), "")
    return VersionOrigin(
        address or (elsewhere if is_stored else ""),
        text(wire, "run_id") or text(source, "run_id"),
        text(wire, "run_link"),
        text(wire, "model_id"),
    )
