"""What a path says about an object of the live catalog: whose file it is, and which of its files.

A draft's files and those of the version that it becomes are files of one object.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from registry_tool.manifests.layout import OBJECTS, Layout, Place
from registry_tool.names import ModelName

__all__ = ["Owner", "Spot", "is_read", "locate_spot", "object_key"]

_SETTINGS: Final = frozenset({"registry", "serve"})
_NAMESPACES: Final = frozenset({"namespace", "title"})
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
    return f"{OBJECTS}/{api}/{kind}/{slug}"


def is_read(spot: Spot) -> bool:
    """True for a file whose content counts, and not only that it changed."""
    return spot.file not in _NOT_READ and not spot.file.endswith(".dvc")


def locate_spot(layout: Layout, path: str) -> Spot | None:
    """What a path is about; None for a file that the live catalog does not look at."""
    place = layout.locate(path)
    if place is None:
        return None
    if place.model is not None:
        return _in_model(layout, path, place, place.model)
    if place.kind in _SETTINGS:
        return Spot("settings", path, path)
    if place.kind == "object":
        return Spot("object", f"{OBJECTS}/{place.name}", path, name=place.name)
    if place.kind in _NAMESPACES:
        key = layout.namespace(place.name)
        return Spot("namespace", key, path[len(key) + 1 :], name=place.name)
    return None


def _in_model(layout: Layout, path: str, place: Place, model: ModelName) -> Spot:
    if place.version is None:
        key = layout.model(model)
        return Spot("model", key, path[len(key) + 1 :], model)
    key = layout.version(model, place.version)
    folder = layout.draft(model, place.version) if place.is_draft else key
    file = path[len(folder) + 1 :]
    return Spot("version", key, file, model, place.version, place.is_draft)
