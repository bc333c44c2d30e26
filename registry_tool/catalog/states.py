"""The life of a version: its states, and which may follow which. The commands and the rules read this one table.

Nothing leads out of ``withdrawn`` but ``erased``: who took a version away was told why, and may not find it served
again. Nothing leads out of ``erased``: its bytes are gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["FOLLOWING", "may_follow"]

FOLLOWING: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "active": frozenset({"deprecated", "withdrawn", "erased"}),
        "deprecated": frozenset({"active", "withdrawn", "erased"}),
        "withdrawn": frozenset({"erased"}),
        "erased": frozenset(),
    }
)


def may_follow(before: str, after: str) -> bool:
    """True when a version may pass from one state to another; a state it keeps is no passage."""
    return after in FOLLOWING.get(before, frozenset())
