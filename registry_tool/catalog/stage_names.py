"""The names of stages: what ``registry.yaml`` and ``namespace.yaml`` define, set or not.

A stage is an alias. Its name belongs to that alias from the moment it is defined, so whoever resolves it must know
which names are stages without knowing what their gates ask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_tool.manifests.data import Data, member

if TYPE_CHECKING:
    from registry_tool.catalog.catalog import Catalog

__all__ = ["is_gated", "stages_written"]


def stages_written(catalog: Catalog, namespace: str) -> dict[str, Data]:
    """The stages of a namespace's models by name, as they are written; those of the namespace replace the registry's.

    Args:
        catalog: The registry.
        namespace: The namespace; it need not exist.
    """
    document = catalog.namespace(namespace)
    own = {} if document is None else member(document.data, "stages")
    written = {**member(catalog.settings, "stages"), **own}
    return {name: member(written, name) for name in written}


def is_gated(stage: Data) -> bool:
    """True when something is asked before the stage moves."""
    return bool(stage.get("from") or stage.get("require"))
