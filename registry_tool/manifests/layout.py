"""Where files may lie: the only module that knows paths.

The path carries everything that must be unique (namespace, model, version, tag, alias), so uniqueness costs one
listing and no parsing, and two claims to one name collide in Git.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from registry_tool.names import ModelName

__all__ = [
    "KEYS",
    "MANIFEST_KINDS",
    "MODELS",
    "OBJECTS",
    "RECIPIENTS",
    "REGISTRY",
    "SERVE",
    "WAIVERS",
    "Layout",
    "Place",
    "pointer_path",
]

MODELS: Final = "models"
WAIVERS: Final = "waivers"
REGISTRY: Final = "registry.yaml"
RECIPIENTS: Final = "recipients.yaml"
KEYS: Final = "keys"
SERVE: Final = "serve.yaml"
OBJECTS: Final = "objects"

# What a place may hold, by the word that stands before "/v1" in its `schema:` line; cards are plain Markdown.
MANIFEST_KINDS: Final = frozenset(
    {
        "registry", "namespace", "model", "version", "metadata", "status",
        "tag", "alias", "evidence", "waiver", "key", "recipients", "dvc", "draft",
        "title", "wire", "object", "deletion", "serve",
    }
)  # fmt: skip
_AT_ROOT = {REGISTRY: "registry", RECIPIENTS: "recipients", SERVE: "serve"}
_IN_FOLDER = {WAIVERS: "waiver", KEYS: "key"}
_IN_NAMESPACE = {"namespace.yaml": "namespace", "title.yaml": "title"}
_IN_MODEL = {
    "model.yaml": "model",
    "title.yaml": "title",
    "wire.yaml": "wire",
    "deletion.yaml": "deletion",
    "CARD.md": "card",
}
_IN_MODEL_FOLDER = {"tags": "tag", "aliases": "alias", "evidence": "evidence", "titles": "title"}
_IN_VERSION = {
    "version.yaml": "version",
    "metadata.yaml": "metadata",
    "status.yaml": "status",
    "key.yaml": "key",
    "wire.yaml": "wire",
    "deletion.yaml": "deletion",
    "CARD.md": "card",
}
# A draft has the files of a version, except those about its life after publication.
_PUBLISHED_ONLY = frozenset({"status.yaml", "deletion.yaml"})
_IN_DRAFT = {
    **{file: kind for file, kind in _IN_VERSION.items() if file not in _PUBLISHED_ONLY},
    "draft.yaml": "draft",
}
# Kinds that registries of earlier releases do not have, so that their ignore rules may hide them.
_LATER: Final = frozenset({"title", "wire", "deletion"})
_OBJECT_DEPTH: Final = 5  # objects/<api>/<kind>/<aa>/<slug>.yaml


class Place(NamedTuple):
    """What one path is about.

    Attributes:
        kind: A manifest kind, or ``card``.
        model: The model, where the path lies in one.
        version: The version or draft, where the path lies in one.
        name: The namespace, tag, alias, evidence, waiver or group the file is named for; an artifact's path for ``dvc``;
            of a title the namespace, or the version, tag or alias whose it is, and empty for that of a model; of an object
            ``<api>/<kind>/<slug>``.
        is_draft: True where ``version`` is a draft, in ``drafts/``.
    """

    kind: str
    model: ModelName | None = None
    version: str | None = None
    name: str = ""
    is_draft: bool = False


def pointer_path(folder: str, artifact: str) -> str:
    """The ``.dvc`` pointer of an artifact's path in a model or version folder."""
    return f"{folder}/{artifact}.dvc"


class Layout(NamedTuple):
    """Paths of one registry; ``shard`` hex digits of the model's sha256 stand before it, none by default."""

    shard: int = 0

    def namespace(self, namespace: str) -> str:
        """A namespace's folder."""
        return f"{MODELS}/{namespace}"

    def find_shard(self, model: str) -> str:
        """The shard folder of a model; empty without shards."""
        if not self.shard:
            return ""
        return _digits(model, self.shard)

    def model(self, model: ModelName) -> str:
        """A model's folder."""
        shard = f"{self.find_shard(model.name)}/" if self.shard else ""
        return f"{MODELS}/{model.namespace}/{shard}{model.name}"

    def version(self, model: ModelName, version: str) -> str:
        """A version's folder."""
        return f"{self.model(model)}/versions/{version}"

    def draft(self, model: ModelName, version: str) -> str:
        """A draft's folder."""
        return f"{self.model(model)}/drafts/{version}"

    def subject(self, place: Place) -> str:
        """The folder of the version, draft or model that a place lies in; empty outside models."""
        if place.model is None:
            return ""
        if place.version is None:
            return self.model(place.model)
        home = self.draft if place.is_draft else self.version
        return home(place.model, place.version)

    def key(self, group: str) -> str:
        """A group's key."""
        return f"{KEYS}/{group}.yaml"

    def tag(self, model: ModelName, tag: str) -> str:
        """A tag's file."""
        return f"{self.model(model)}/tags/{tag}.yaml"

    def alias(self, model: ModelName, alias: str) -> str:
        """An alias's file."""
        return f"{self.model(model)}/aliases/{alias}.yaml"

    def evidence(self, model: ModelName, version: str | None, name: str) -> str:
        """A file of evidence: about a version, or about the model where no version is named."""
        home = self.model(model) if version is None else self.version(model, version)
        return f"{home}/evidence/{name}.yaml"

    def title(self, model: ModelName, name: str = "") -> str:
        """The file with the title of a model, or of a version, tag or alias of it."""
        home = self.model(model)
        return f"{home}/titles/{name}.yaml" if name else f"{home}/title.yaml"

    def wire(self, model: ModelName, version: str | None = None) -> str:
        """The file with the data of other protocols about a model or a version."""
        home = self.model(model) if version is None else self.version(model, version)
        return f"{home}/wire.yaml"

    def deletion(self, model: ModelName, version: str | None = None) -> str:
        """The file that says that a model or a version is deleted."""
        home = self.model(model) if version is None else self.version(model, version)
        return f"{home}/deletion.yaml"

    def object(self, api: str, kind: str, slug: str) -> str:
        """An object's file; a folder by the digest of its slug keeps folders small."""
        return f"{OBJECTS}/{api}/{kind}/{_digits(slug, 2)}/{slug}.yaml"

    def is_later(self, path: str) -> bool:
        """True for a kind of file in a model's folder that registries of earlier releases do not have."""
        place = self.locate(path)
        if place is None or place.model is None:
            return False
        is_later = place.is_draft or place.kind in _LATER
        return is_later or (place.kind == "evidence" and place.version is None)

    def examples(self, model: ModelName, version: str, name: str) -> Iterator[str]:
        """The path of one file of every kind, for a model, one of its versions, and a name for what has one."""
        home, folder, draft = (
            self.model(model),
            self.version(model, version),
            self.draft(model, version),
        )
        yield from (*_AT_ROOT, ".dvc/config")
        yield from (f"{place}/{name}.yaml" for place in _IN_FOLDER)
        yield from (f"{self.namespace(model.namespace)}/{file}" for file in _IN_NAMESPACE)
        yield self.object("kubeflow", "experiment", name)
        yield from (f"{home}/{file}" for file in _IN_MODEL)
        yield from (f"{folder}/{file}" for file in _IN_VERSION)
        yield from (f"{draft}/{file}" for file in _IN_DRAFT)
        yield from (pointer_path(place, name) for place in (home, folder, draft))
        yield from (
            self.tag(model, name),
            self.alias(model, name),
            self.title(model, name),
            self.evidence(model, None, name),
            self.evidence(model, version, name),
        )

    def locate(self, path: str) -> Place | None:
        """What a path is about, or None where the layout has no place for it.

        Names are taken as they are; whether they are good names is a rule's question.
        """
        parts = path.split("/")
        if parts[0] != MODELS:
            return _outside_models(parts)
        if len(parts) < 3:  # noqa: PLR2004
            return None
        namespace, rest = parts[1], parts[2:]
        if len(rest) == 1 and rest[0] in _IN_NAMESPACE:
            return Place(_IN_NAMESPACE[rest[0]], name=namespace)
        if self.shard:
            if len(rest) < 2 or rest[0] != self.find_shard(rest[1]):  # noqa: PLR2004
                return None
            rest = rest[1:]
        return _in_model(ModelName(namespace, rest[0]), rest[1:])


def _digits(name: str, count: int) -> str:
    import hashlib

    return hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:count]


def _outside_models(parts: list[str]) -> Place | None:
    match parts:
        case [file] if file in _AT_ROOT:
            return Place(_AT_ROOT[file])
        case [folder, name] if folder in _IN_FOLDER and name.endswith(".yaml"):
            return Place(_IN_FOLDER[folder], name=name.removesuffix(".yaml"))
        case [folder, *_] if folder == OBJECTS:
            return _object(parts)
    return None


def _object(parts: list[str]) -> Place | None:
    if len(parts) != _OBJECT_DEPTH or not parts[4].endswith(".yaml"):
        return None
    _, api, kind, digits, file = parts
    slug = file.removesuffix(".yaml")
    return Place("object", name=f"{api}/{kind}/{slug}") if digits == _digits(slug, 2) else None


def _in_model(model: ModelName, rest: list[str]) -> Place | None:
    match rest:
        case [name] if name in _IN_MODEL:
            return Place(_IN_MODEL[name], model)
        case [name] if name.endswith(".dvc"):
            return Place("dvc", model, None, name.removesuffix(".dvc"))
        case [folder, name] if folder in _IN_MODEL_FOLDER and name.endswith(".yaml"):
            return Place(_IN_MODEL_FOLDER[folder], model, None, name.removesuffix(".yaml"))
        case ["versions", version, *inner]:
            return _in_version(model, version, inner)
        case ["drafts", version, name]:
            return _in_draft(model, version, name)
    return None


def _in_version(model: ModelName, version: str, rest: list[str]) -> Place | None:
    match rest:
        case [name] if name in _IN_VERSION:
            return Place(_IN_VERSION[name], model, version)
        case [name] if name.endswith(".dvc"):
            return Place("dvc", model, version, name.removesuffix(".dvc"))
        case ["evidence", name] if name.endswith(".yaml"):
            return Place("evidence", model, version, name.removesuffix(".yaml"))
    return None


def _in_draft(model: ModelName, version: str, name: str) -> Place | None:
    if name in _IN_DRAFT:
        return Place(_IN_DRAFT[name], model, version, is_draft=True)
    if name.endswith(".dvc"):
        return Place("dvc", model, version, name.removesuffix(".dvc"), is_draft=True)
    return None
