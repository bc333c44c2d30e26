"""What a scanner is given: the bytes, where they lie, and where it says what it found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from registry_tool.artifacts.scanning.report import Level, Report
from registry_tool.artifacts.scanning.stream import Stream
from registry_tool.manifests.problems import JSON

__all__ = ["DEEPEST", "Look"]

DEEPEST = 4


@dataclass(frozen=True)
class Look:
    """One look at one run of bytes.

    Attributes:
        stream: The bytes, from their beginning.
        path: Where they lie; behind ``!`` in an archive.
        report: Where findings and facts go.
        depth: In how many archives they lie.
        at: Looks at bytes inside them: ``at(look)``.
    """

    stream: Stream
    path: str
    report: Report
    depth: int
    at: Callable[[Look], None]

    @property
    def name(self) -> str:
        """The last part of the path, in lower case: its suffix says what the bytes should be."""
        return self.path.replace("!", "/").rpartition("/")[2].lower()

    def finds(self, level: Level, message: str) -> None:
        """Say what is wrong."""
        self.report.add(level, self.path, message)

    def tells(self, **facts: JSON) -> None:
        """Say what the header says; of what lies in an archive only findings count."""
        if self.depth == 0:
            self.report.facts.update(facts)

    def inside(self, stream: Stream, name: str) -> None:
        """Look at what is packed in these bytes."""
        if self.depth == DEEPEST:
            self.finds("unread", "archives are nested too deeply in it")
            return
        self.at(Look(stream, f"{self.path}!{name}" if name else self.path, self.report, self.depth + 1, self.at))
