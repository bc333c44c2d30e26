"""Aliases, tags, titles, ``status.yaml``, ``draft.yaml`` and ``deletion.yaml``, as types; generated from ``schemas/`` by ``python -m registry_tool.devtools.models``."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from registry_tool.manifests.models.base import Manifest

__all__ = [
    "AliasManifest",
    "DeletionManifest",
    "DraftManifest",
    "StatusManifest",
    "TagManifest",
    "TitleManifest",
]


class AliasManifest(Manifest):
    """aliases/<alias>.yaml: a movable name that points to one version.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        model: The model: namespace/model.
        version: The version that it points to. Quote numbers.
        reason: The reason for the last move.
        pinned: True after a rollback: automatic promotion does not move it.
    """

    schema_id: ClassVar[str] = "alias/v1"

    schema_: Literal["alias/v1"] = Field(alias="schema")
    model: str
    version: str
    reason: str | None = None
    pinned: bool = False


class DeletionManifest(Manifest):
    """deletion.yaml: the version or the model is deleted.

    Its files stay, its path is never used again, and its title is free.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        reason: The reason.
        at: The time of the deletion.
    """

    schema_id: ClassVar[str] = "deletion/v1"

    schema_: Literal["deletion/v1"] = Field(alias="schema")
    reason: str
    at: str | None = None


class DraftManifest(Manifest):
    """drafts/<version>/draft.yaml: the names that a draft gets when it is sealed.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        tags: Tags that are reserved for it, and written when it is sealed.
        aliases: Aliases that are reserved for it, and set when it is sealed.
        since: The time of the last change by a program: from here, the time counts after which a
            server seals it. By default created_at of its record.
    """

    schema_id: ClassVar[str] = "draft/v1"

    schema_: Literal["draft/v1"] = Field(alias="schema")
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    since: str | None = None


class StatusManifest(Manifest):
    """status.yaml: the lifecycle state of a version.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        state: active; deprecated: use another version; withdrawn: not served; erased: the
            artifacts are deleted.
        reason: The reason; required unless active.
        since: The day of the change.
        replaced_by: The replacement: a version of this model, or a reference.
    """

    schema_id: ClassVar[str] = "status/v1"

    schema_: Literal["status/v1"] = Field(alias="schema")
    state: Literal["active", "deprecated", "withdrawn", "erased"]
    reason: str | None = None
    since: str | None = None
    replaced_by: str | None = None


class TagManifest(Manifest):
    """tags/<tag>.yaml: an immutable second name of one version.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        model: The model: namespace/model.
        version: The version that it points to. Quote numbers.
    """

    schema_id: ClassVar[str] = "tag/v1"

    schema_: Literal["tag/v1"] = Field(alias="schema")
    model: str
    version: str


class TitleManifest(Manifest):
    """title.yaml, titles/<name>.yaml: the shown name of a namespace, a model, or a version, tag or alias of it.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        title: The name that people and other programs see; the path stays.
    """

    schema_id: ClassVar[str] = "title/v1"

    schema_: Literal["title/v1"] = Field(alias="schema")
    title: str
