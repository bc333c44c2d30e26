"""What a path says about an object of the live catalog: whose file it is, and which of its files.

A draft's files and those of the version that it becomes are files of one object.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from registry_tool.manifests.layout import MODELS, Layout
from registry_tool.names import ModelName

__all__ = ["Owner", "Spot", "is_read", "locate_spot", "object_key"]

_OBJECTS: Final = "objects"
_OBJECT_PARTS: Final = 5
_IN_MODEL: Final = frozenset({"model.yaml", "title.yaml", "wire.yaml", "deletion.yaml", "CARD.md"})
_MODEL_FOLDERS: Final = frozenset({"aliases", "tags", "titles", "evidence"})
_IN_VERSION: Final = frozenset(
    {
        "version.yaml", "metadata.yaml", "status.yaml", "wire.yaml", "deletion.yaml", "draft.yaml",
        "key.yaml", "CARD.md",
    }
)  # fmt: skip
_NOT_READ: Final = frozenset({"CARD.md", "key.yaml"})

Owner = Literal["settings", "namespace", "model", "version", "object"]


class Spot(NamedTuple):
    """What one path is about.

    Attributes:
        owner: The kind of object whose file it is.
        key: The object: its folder or file in the registry, for a draft the folder that it is sealed into.
        file: The file, from the object's folder: ``version.yaml``, ``evidence/run-1.yaml``.
        model: The model, for a model and a version.
        name: The version, namespace, or an object's ``api/kind/slug``.
        is_draft: True below ``drafts/``.
    """

    owner: Owner
    key: str
    file: str
    model: ModelName | None = None
    name: str = ""
    is_draft: bool = False


def object_key(api: str, kind: str, slug: str) -> str:
    """The key of an object, without the folder that follows from its slug."""
    return f"{_OBJECTS}/{api}/{kind}/{slug}"


def is_read(spot: Spot) -> bool:
    """True for a file whose content counts, and not only that it changed."""
    return spot.file not in _NOT_READ and not spot.file.endswith(".dvc")


def locate_spot(layout: Layout, path: str) -> Spot | None:
    """What a path is about; None for a file that the live catalog does not look at."""
    parts = path.split("/")
    if parts[0] == MODELS and len(parts) > 2:  # noqa: PLR2004 (models/<namespace>/…)
        return _in_models(layout, path, parts)
    if path in {"registry.yaml", "serve.yaml"}:
        return Spot("settings", path, path)
    if parts[0] == _OBJECTS and len(parts) == _OBJECT_PARTS and path.endswith(".yaml"):
        api, kind, slug = parts[1], parts[2], parts[4].removesuffix(".yaml")
        return Spot("object", object_key(api, kind, slug), path, name=f"{api}/{kind}/{slug}")
    return None


def _in_models(layout: Layout, path: str, parts: list[str]) -> Spot | None:
    namespace, rest = parts[1], parts[2:]
    if len(rest) == 1:
        known = rest[0] in {"namespace.yaml", "title.yaml"}
        return (
            Spot("namespace", f"{MODELS}/{namespace}", rest[0], name=namespace) if known else None
        )
    if layout.shard:
        if rest[0] != layout.find_shard(rest[1]):
            return None
        rest = rest[1:]
    if len(rest) == 1:
        return None
    model, file = ModelName(namespace, rest[0]), "/".join(rest[1:])
    key = path[: -len(file) - 1]
    if rest[1] in {"versions", "drafts"}:
        return _in_version(model, key, rest)
    plain = file in _IN_MODEL or file.endswith(".dvc")
    named = len(rest) == 3 and rest[1] in _MODEL_FOLDERS and file.endswith(".yaml")  # noqa: PLR2004
    return Spot("model", key, file, model) if plain or named else None


def _in_version(model: ModelName, home: str, rest: list[str]) -> Spot | None:
    if len(rest) < 4:  # noqa: PLR2004 (<model>/versions/<version>/<file>)
        return None
    version, file = rest[2], "/".join(rest[3:])
    named = file.startswith("evidence/") and file.endswith(".yaml") and file.count("/") == 1
    if file not in _IN_VERSION and not file.endswith(".dvc") and not named:
        return None
    key = f"{home}/versions/{version}"
    return Spot("version", key, file, model, version, rest[1] == "drafts")
