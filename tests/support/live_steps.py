"""Steps of a branch without Git, and snapshots as plain data, for the tests of the live catalog."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from registry_tool.live.moving import Step, move
from registry_tool.live.records import ModelRecord
from registry_tool.live.snapshot import Snapshot
from registry_tool.live.times import DEFAULT_COMMITTER

__all__ = ["NOW", "SERVER", "START", "Branch", "as_data"]

SERVER: Final = DEFAULT_COMMITTER
START: Final = 1_795_000_000
NOW: Final = (START + 10_000_000) * 1000


class Branch:
    """A first-parent line in the making; every commit is one second later unless it says otherwise."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def commit(
        self,
        files: Mapping[str, str | bytes | None],
        *,
        when: int | None = None,
        claimed: int = 0,
        by: str = "Ana <ana@example.org>",
    ) -> Step:
        """One more commit."""
        number = len(self.steps) + 1
        contents = {p: c.encode() if isinstance(c, str) else c for p, c in files.items()}
        moment = START + number if when is None else when
        self.steps.append(Step(f"{number:040x}", moment, by, claimed, contents))
        return self.steps[-1]

    def snapshot(self) -> Snapshot:
        """The whole line at once."""
        return move(Snapshot(), self.steps, NOW)

    def walked(self) -> Snapshot:
        """The whole line, one commit after the other, as a server sees it."""
        found = Snapshot()
        for step in self.steps:
            found = move(found, [step], NOW)
        return found


def as_data(snapshot: Snapshot) -> dict[str, object]:
    """All that a snapshot says, for comparisons."""
    records = {}
    for number in sorted(snapshot.records):
        record = snapshot.records[number]
        if isinstance(record, ModelRecord):
            record = record._replace(aliases=dict(sorted(record.aliases.items())))
        records[number] = tuple(record)
    return {
        "commits": [snapshot.line.commit(n + 1) for n in range(len(snapshot.line))],
        "times": list(snapshot.line.times),
        "records": records,
        "models": {name: tuple(record) for name, record in snapshot.models.items()},
        "artifact objects": {
            n: tuple(snapshot.artifact_objects[n]) for n in snapshot.artifact_objects
        },
        "orphans": {key: tuple(record) for key, record in snapshot.orphans.items()},
        "births": dict(snapshot.ids.births),
        "runs": dict(snapshot.ids.runs),
        "namespaces": dict(snapshot.namespaces),
        "problems": dict(snapshot.problems),
        "ids": {kind: list(ids) for kind, ids in snapshot.indexes.ids.items() if ids},
        "settings": (snapshot.settings, snapshot.serve),
    }
