"""``model.yaml`` and ``metadata.yaml``, as types; generated from ``schemas/`` by ``python -m registry_tool.devtools.models``."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from registry_tool.manifests.models.base import Manifest, Part
from registry_tool.manifests.models.parts import Artifact

__all__ = [
    "Link",
    "MetadataManifest",
    "ModelManifest",
    "ModelManifestV2",
]


class MetadataManifest(Manifest):
    """metadata.yaml: editable information about a version; readers apply it over the record.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        description: A description.
        labels: Words for filtering.
        metadata: Free-form data.
    """

    schema_id: ClassVar[str] = "metadata/v1"

    schema_: Literal["metadata/v1"] = Field(alias="schema")
    description: str | None = None
    labels: tuple[str, ...] = ()
    metadata: dict[str, JsonValue] = Field(default_factory=dict)


class Link(Part):
    """A web page about the model.

    Attributes:
        title: The title of the page.
        url: An http or https address.
    """

    title: str
    url: str


class ModelManifest(Manifest):
    """model.yaml: a registered model.

    It does not list versions.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        name: The name of the model, which is the name of its folder.
        namespace: The namespace, which is the name of the folder above.
        owner: The user or team that is responsible for the model.
        task: The task of the model.
        description: A description.
        labels: Words for filtering.
        license: An SPDX licence expression.
        external_id: Its identifier in another system.
        version_scheme: How its versions are named and ordered; cannot be changed later.
        state: live, or archived: accepts no new versions.
        continues: The model that this one continues under a new name.
        moved_to: The new name of the model.
        links: Web pages about the model.
        artifacts: Files that belong to all versions: test sets, documents.
        metadata: Free-form data.
    """

    schema_id: ClassVar[str] = "model/v1"

    schema_: Literal["model/v1"] = Field(alias="schema")
    name: str
    namespace: str
    owner: str
    task: str
    description: str
    labels: tuple[str, ...] = ()
    license: str | None = None
    external_id: str | None = None
    version_scheme: Literal["integer", "semver", "calver", "free"] | None = None
    state: Literal["live", "archived"] = "live"
    continues: str | None = None
    moved_to: str | None = None
    links: tuple[Link, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    metadata: dict[str, JsonValue] = Field(default_factory=dict)


class ModelManifestV2(Manifest):
    """model.yaml: what a model is.

    It lists no versions. Unlike model/v1, a task may be any line of text, task and description are
    optional, and evidence about the model may lie in its folder.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        name: The name of the model, which is the name of its folder.
        namespace: The namespace, which is the name of the folder above.
        owner: The user or team that is responsible for the model.
        task: What it does, in the team's own words. Case, blanks, - and _ do not tell tasks apart.
        description: A description.
        labels: Words for filtering.
        license: An SPDX licence expression.
        external_id: Its identifier in another system.
        version_scheme: How its versions are named and ordered; cannot be changed later.
        state: live, or archived: accepts no new versions.
        continues: The model that this one continues under a new name.
        moved_to: The new name of the model.
        links: Web pages about the model.
        artifacts: Files that belong to all versions: test sets, documents.
        metadata: Free-form data.
    """

    schema_id: ClassVar[str] = "model/v2"

    schema_: Literal["model/v2"] = Field(alias="schema")
    name: str
    namespace: str
    owner: str
    task: str | None = None
    description: str | None = None
    labels: tuple[str, ...] = ()
    license: str | None = None
    external_id: str | None = None
    version_scheme: Literal["integer", "semver", "calver", "free"] | None = None
    state: Literal["live", "archived"] = "live"
    continues: str | None = None
    moved_to: str | None = None
    links: tuple[Link, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
