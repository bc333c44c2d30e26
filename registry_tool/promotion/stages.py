"""The stages of a model: aliases with an order and gates.

``registry.yaml`` defines them, and a stage of the same name in ``namespace.yaml`` replaces it; rule R309 ensures
that it requires no less.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.stage_names import stages_written
from registry_tool.manifests.data import Data, records, text

__all__ = ["Stage", "list_stages", "parse_soak"]

_SOAK: Final = re.compile(r"([0-9]+)([mhdw])")
_UNITS: Final = {
    "m": dt.timedelta(minutes=1),
    "h": dt.timedelta(hours=1),
    "d": dt.timedelta(days=1),
    "w": dt.timedelta(weeks=1),
}


class Stage(NamedTuple):
    """One stage.

    Attributes:
        name: The alias.
        before: The stage that a version must be in first; empty for none.
        soak: How long it must have been there, as it is written: ``2d``; empty for none.
        require: The gates.
    """

    name: str
    before: str
    soak: str
    require: tuple[Data, ...]

    @property
    def is_guarded(self) -> bool:
        """True when the stage has gates."""
        return bool(self.before or self.require)


def parse_soak(written: str) -> dt.timedelta:
    """How long ``90m``, ``12h``, ``2d`` or ``1w`` is; nothing for other words."""
    match = _SOAK.fullmatch(written)
    return int(match[1]) * _UNITS[match[2]] if match else dt.timedelta()


def _stage(name: str, data: Data) -> Stage:
    return Stage(name, text(data, "from"), text(data, "soak"), tuple(records(data, "require")))


def _depth(stages: Mapping[str, Stage], name: str) -> int:
    """How many stages come before one; a circle, which R309 refuses, ends where it closes."""
    seen: set[str] = set()
    while name in stages and name not in seen:
        seen.add(name)
        name = stages[name].before
    return len(seen)


def list_stages(catalog: Catalog, namespace: str) -> dict[str, Stage]:
    """The stages of a namespace's models by name, first to last.

    Args:
        catalog: What is published: a change is judged by the stages that were there before it.
        namespace: The namespace; it need not be there.
    """
    found = {name: _stage(name, data) for name, data in stages_written(catalog, namespace).items()}
    return {name: found[name] for name in sorted(found, key=lambda name: _depth(found, name))}
