"""What a scanner is given: the bytes, where they lie, and where it says what it found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from registry_tool.scanning.report import JSON, Level, Report
from registry_tool.scanning.stream import Stream

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
        told: True where facts are asked for; of what lies in an archive only findings count.
    """

    stream: Stream
    path: str
    report: Report
    depth: int
    at: Callable[[Look], None]
    told: bool = True

    @property
    def name(self) -> str:
        """The last part of the path, in lower case: its suffix says what the bytes should be."""
        return self.path.replace("!", "/").rpartition("/")[2].lower()

    def finds(self, level: Level, message: str) -> None:
        """Say what is wrong."""
        self.report.add(level, self.path, message)

    def tells(self, **facts: JSON) -> None:
        """Say what the header says."""
        if self.told:
            self.report.facts.update(facts)

    def _deeper(self, stream: Stream, path: str, *, told: bool) -> None:
        if self.depth == DEEPEST:
            self.finds("unread", "it contains archives that are nested too deeply")
            return
        self.at(Look(stream, path, self.report, self.depth + 1, self.at, told))

    def inside(self, stream: Stream, name: str) -> None:
        """Look at a member of an archive."""
        self._deeper(stream, f"{self.path}!{name}", told=False)

    def scan_unpacked(self, stream: Stream) -> None:
        """Look at what comes out of compression: it stands for the file itself."""
        self._deeper(stream, self.path, told=self.told)
