"""Names of models in protocols without namespaces.

The models of the namespace that a protocol writes to have bare names; every other model is ``namespace.name``. No name is
looked up in another namespace than the one it says. MLflow's plug-in without a server reads names the same way.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from registry_tool.integrations.mlflow_mapping import join_name, split_name
from registry_tool.live.records import ModelRecord
from registry_tool.live.snapshot import Snapshot

__all__ = ["BareName", "find_model_named", "read_bare_name", "write_bare_name"]


class BareName(NamedTuple):
    """A name as a client writes it, taken apart.

    Attributes:
        namespace: The namespace.
        shown: The shown name of the model in it.
    """

    namespace: str
    shown: str


def read_bare_name(name: str, home: str, namespaces: Collection[str]) -> BareName:
    """Which namespace a name is about.

    Args:
        name: As the client writes it: ``lang-id``, ``nlp.lang-id``. A prefix that is no namespace is part of a title.
        home: The namespace that the protocol writes to.
        namespaces: Those that exist and that the client may see.
    """
    return BareName(*split_name(name, namespaces, home))


def write_bare_name(model: ModelRecord, home: str) -> str:
    """The name of a model for clients."""
    return join_name(model.name.namespace, model.shown, home)


def find_model_named(
    snapshot: Snapshot, name: str, home: str, namespaces: Collection[str]
) -> ModelRecord | None:
    """The listed model that a client means by a name; an exact title of the protocol's own namespace comes first."""
    if (own := snapshot.model_shown(home, name)) is not None:
        return own
    found = read_bare_name(name, home, namespaces)
    if found.namespace == home:
        return None
    return snapshot.model_shown(found.namespace, found.shown)
