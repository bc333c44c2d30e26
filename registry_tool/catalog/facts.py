"""What the files of one version say together: last metrics, metadata laid over the record, names that point at it."""

from __future__ import annotations

from collections.abc import Mapping

from registry_tool.catalog.index import ModelView, VersionView
from registry_tool.manifests.data import Data, member, records, text, texts
from registry_tool.manifests.metrics import last_values
from registry_tool.manifests.problems import JSON

__all__ = [
    "VersionFacts",
    "aliases_of",
    "description_of",
    "labels_of",
    "last_metrics",
    "metadata_of",
    "naming",
    "tags_of",
]


def last_metrics(view: VersionView) -> dict[str, JSON]:
    """The last value of each metric, of the record and of what evidence added later."""
    measured = [*records(view.data, "metrics")]
    for evidence in view.evidence():
        if text(evidence.data, "kind") == "metrics":
            measured += records(evidence.data, "metrics")
    return last_values(measured)


def _added(view: VersionView) -> Data | None:
    return None if view.metadata is None else view.metadata.data


def description_of(view: VersionView) -> str:
    """What was said last: ``metadata.yaml`` over the record."""
    return text(_added(view), "description") or text(view.data, "description")


def labels_of(view: VersionView) -> tuple[str, ...]:
    """The labels of the version, sorted."""
    return tuple(sorted(texts(_added(view), "labels")))


def metadata_of(view: VersionView) -> dict[str, JSON]:
    """Free metadata: ``metadata.yaml`` laid over the record, key by key."""
    return {**member(view.data, "metadata"), **member(_added(view), "metadata")}


def aliases_of(model: ModelView) -> dict[str, str]:
    """The version each alias names; those that cannot be read are left out."""
    found = {name: model.alias(name) for name in model.aliases}
    return {name: text(d.data, "version") for name, d in found.items() if d and d.data is not None}


def tags_of(model: ModelView) -> dict[str, str]:
    """The version each tag names; those that cannot be read are left out."""
    found = {name: model.tag(name) for name in model.tags}
    return {name: text(d.data, "version") for name, d in found.items() if d and d.data is not None}


def naming(version: str, names: Mapping[str, str]) -> tuple[str, ...]:
    """Which of some aliases or tags name a version."""
    return tuple(name for name, named in names.items() if named == version)


class VersionFacts:
    """What a row says of one version (``catalog/row.py``), each read from its files when it is asked for."""

    def __init__(self, view: VersionView) -> None:
        self._view = view

    @property
    def state(self) -> str:
        """As ``VersionView.state``."""
        return self._view.state

    @property
    def created_at(self) -> str:
        """As the record says."""
        return text(self._view.data, "created_at")

    @property
    def description(self) -> str:
        """As ``description_of``."""
        return description_of(self._view)

    @property
    def labels(self) -> tuple[str, ...]:
        """As ``labels_of``."""
        return labels_of(self._view)

    @property
    def metrics(self) -> dict[str, JSON]:
        """As ``last_metrics``."""
        return last_metrics(self._view)

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that name it."""
        return naming(self._view.version, tags_of(self._view.model))

    @property
    def aliases(self) -> tuple[str, ...]:
        """The aliases that name it."""
        return naming(self._view.version, aliases_of(self._view.model))
