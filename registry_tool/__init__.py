"""A model registry that is a Git repository of YAML manifests.

::

    import registry_tool as registry

    reg = registry.open("git@host:acme/models.git", ref="main")
    version = reg.version("nlp/lang-id@production")
    path = version.artifact("model").fetch()

Only the names in ``__all__`` are public; they are imported when they are first used, so that importing the package
costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry_tool import errors
    from registry_tool._version import VERSION as __version__  # noqa: N811 (the name Python uses)
    from registry_tool.api.changes.change import Change
    from registry_tool.api.changes.publish import Person, Publication
    from registry_tool.api.promotion import GateResults, Promotion
    from registry_tool.api.registry import (
        WORK_TREE,
        Registry,
        StaleRegistryWarning,
        UntrustedRegistryWarning,
    )
    from registry_tool.api.registry import open_registry as open  # noqa: A004 (registry.open reads well)
    from registry_tool.api.views import Artifact, MetricPoint, ModelVersion, RegisteredModel
    from registry_tool.catalog.history import HistoryEntry
    from registry_tool.checks.findings import Finding, Report
    from registry_tool.names import ModelName, Reference

__all__ = [
    "WORK_TREE",
    "Artifact",
    "Change",
    "Finding",
    "GateResults",
    "HistoryEntry",
    "MetricPoint",
    "ModelName",
    "ModelVersion",
    "Person",
    "Promotion",
    "Publication",
    "Reference",
    "RegisteredModel",
    "Registry",
    "Report",
    "StaleRegistryWarning",
    "UntrustedRegistryWarning",
    "__version__",
    "errors",
    "open",
]

_HOMES = {
    "WORK_TREE": ("api.registry", "WORK_TREE"),
    "Artifact": ("api.views", "Artifact"),
    "Change": ("api.changes.change", "Change"),
    "Finding": ("checks.findings", "Finding"),
    "GateResults": ("api.promotion", "GateResults"),
    "HistoryEntry": ("catalog.history", "HistoryEntry"),
    "MetricPoint": ("api.views", "MetricPoint"),
    "ModelName": ("names", "ModelName"),
    "ModelVersion": ("api.views", "ModelVersion"),
    "Person": ("api.changes.publish", "Person"),
    "Promotion": ("api.promotion", "Promotion"),
    "Publication": ("api.changes.publish", "Publication"),
    "Reference": ("names", "Reference"),
    "RegisteredModel": ("api.views", "RegisteredModel"),
    "Registry": ("api.registry", "Registry"),
    "Report": ("checks.findings", "Report"),
    "StaleRegistryWarning": ("api.registry", "StaleRegistryWarning"),
    "UntrustedRegistryWarning": ("api.registry", "UntrustedRegistryWarning"),
    "__version__": ("_version", "VERSION"),
    "errors": ("errors", ""),
    "open": ("api.registry", "open_registry"),
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home, attribute = _HOMES[name]
    module = import_module(f"{__name__}.{home}")
    return getattr(module, attribute) if attribute else module


def __dir__() -> list[str]:
    return __all__
