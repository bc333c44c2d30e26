"""Numeric ids: derived from the first-parent history of a branch, never stored in it.

Each commit numbers what it names for the first time: models, versions and objects in one pool, in the order of their
paths; artifacts in another, as changed manifests name them first. So every replica and every fresh clone has the same
ids, also for what people added by pull request, and no id is used again: history keeps its owner. A draft and the version
that it becomes are one; what was removed and comes back has its former id.
"""

from __future__ import annotations

import hashlib
import uuid
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final, NamedTuple

from registry_tool.live.layers import Layers
from registry_tool.manifests.data import Data, records, text

__all__ = [
    "BRANCH_START",
    "Birth",
    "IdTable",
    "Run",
    "artifact_labels",
    "make_namespace_uuid",
    "make_uuid",
    "number_namespace",
]

# Objects that exist on a branch only, and get ids of main when they are merged.
BRANCH_START: Final = 500_000_000
_UUIDS: Final = uuid.UUID("f97fae4b-f4c1-4371-9b80-e8005c98cb43")  # at random, and never changed
_NUMBER_BYTES: Final = 6  # every JSON reader reads 48 bits exactly


class Birth(NamedTuple):
    """The first appearance of an object.

    Attributes:
        id: Its number.
        position: The position of the commit on the line.
    """

    id: int
    position: int


class Run(NamedTuple):
    """Artifacts of one owner that appeared together, with consecutive ids.

    Attributes:
        first: The id of the first.
        position: The position of the commit on the line.
        labels: What they are, in order; see ``artifact_labels``.
    """

    first: int
    position: int
    labels: tuple[str, ...]


def make_uuid(key: str, commit: str) -> str:
    """The UUID of an object, for protocols whose ids are UUIDs: version 5, of its path and the commit that added it.

    Args:
        key: The object; see ``Spot``.
        commit: The full id of the commit in which it first appeared.
    """
    return str(uuid.uuid5(_UUIDS, f"{key}@{commit}"))


@cache
def make_namespace_uuid(name: str) -> str:
    """The UUID of a namespace: from its name alone, since no commit adds it by itself, and it never changes."""
    return str(uuid.uuid5(_UUIDS, name))


def number_namespace(name: str) -> int:
    """The number of a namespace, for protocols in which one has a number: from its name, since it never changes."""
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:_NUMBER_BYTES], "big") + 1


def artifact_labels(data: Data) -> list[str]:
    """What a record or evidence names as artifacts, in order: ``artifact:model``, ``metric:accuracy``, ``parameter:seed``.

    Names are unique for each of the three words.
    """
    parameters = data.get("parameters")
    named = [f"artifact:{text(entry, 'name')}" for entry in records(data, "artifacts")]
    named += [f"metric:{text(entry, 'key')}" for entry in records(data, "metrics")]
    if isinstance(parameters, dict):
        named += [f"parameter:{name}" for name in parameters]
    return list(dict.fromkeys(named))


@dataclass(frozen=True, eq=False)
class IdTable:
    """The ids at one commit; immutable.

    Attributes:
        births: For each object's key its first appearance; see ``Spot``.
        runs: For each owner's key the artifacts that it has named.
        next_id: The next free id.
        next_artifact: The next free id of an artifact.
        firsts: For each run in order its first id.
        owners: For each run the id of its owner; 0 where the artifact is an object.
    """

    births: Layers[str, Birth] = field(default_factory=Layers)
    runs: Layers[str, tuple[Run, ...]] = field(default_factory=Layers)
    next_id: int = 1
    next_artifact: int = 1
    firsts: array[int] = field(default_factory=lambda: array("q"))
    owners: array[int] = field(default_factory=lambda: array("q"))

    def on_branch(self, start: int = BRANCH_START) -> IdTable:
        """The ids for a branch: what it adds is numbered from ``BRANCH_START``, or from a later start."""
        return replace(
            self,
            next_id=max(self.next_id, BRANCH_START, start),
            next_artifact=max(self.next_artifact, BRANCH_START, start),
        )

    def artifact_id(self, owner: str, label: str) -> Birth | None:
        """The id of an artifact and the position where it appeared.

        Args:
            owner: The key of the version, model or object that names it.
            label: See ``artifact_labels``; empty for an object that is an artifact itself.
        """
        for run in self.runs.get(owner, ()):
            if label in run.labels:
                return Birth(run.first + run.labels.index(label), run.position)
        return None

    def artifact_owner(self, artifact: int) -> int | None:
        """The id of the version or model that named an artifact; 0 for an object; None for an id that is not used."""
        if not 0 < artifact < self.next_artifact:
            return None
        place = bisect_right(self.firsts, artifact) - 1
        return self.owners[place] if place >= 0 else None


class Numbering:
    """A table in the making: ids for one commit after the other.

    Args:
        table: Where it starts.
        shared: Tuples of labels that repeat, kept once; may be shared by all tables of a process.
    """

    def __init__(self, table: IdTable, shared: dict[tuple[str, ...], tuple[str, ...]]) -> None:
        self._table = table
        self._births: dict[str, Birth] = {}
        self._runs: dict[str, tuple[Run, ...]] = {}
        self._firsts: array[int] = array("q")
        self._owners: array[int] = array("q")
        self._next = table.next_id
        self._next_artifact = table.next_artifact
        self._shared = shared

    def birth(self, key: str) -> Birth | None:
        """The first appearance of an object."""
        return self._births.get(key) or self._table.births.get(key)

    def number(self, keys: Iterable[str], position: int) -> None:
        """Number the objects of one commit that appear for the first time."""
        for key in sorted(keys, key=lambda key: key.split("/")):
            if self.birth(key) is None:
                self._births[key] = Birth(self._next, position)
                self._next += 1

    def runs(self, owner: str) -> tuple[Run, ...]:
        """The artifacts that an owner has named."""
        return self._runs.get(owner) or self._table.runs.get(owner) or ()

    def name(self, owner: str, owner_id: int, labels: Sequence[str], position: int) -> None:
        """Number the artifacts of one manifest that its owner names for the first time."""
        known = {label for run in self.runs(owner) for label in run.labels}
        new = tuple(label for label in labels if label not in known)
        if not new:
            return
        new = self._shared.setdefault(new, new)
        self._runs[owner] = (*self.runs(owner), Run(self._next_artifact, position, new))
        self._firsts.append(self._next_artifact)
        self._owners.append(owner_id)
        self._next_artifact += len(new)

    def table(self) -> IdTable:
        """The table with all that was numbered."""
        table = self._table
        return IdTable(
            table.births.after(self._births), table.runs.after(self._runs), self._next,
            self._next_artifact, table.firsts + self._firsts, table.owners + self._owners,
        )  # fmt: skip
