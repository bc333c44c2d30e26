"""The first-parent line at commits that are not published yet, such as those of a push that is judged.

What vanished before them is known of the published commit that they build on, and of the steps since then by what each
of them did. So nothing is written down about a commit that may be refused, and a push of many steps asks history once.
"""

from __future__ import annotations

from typing import NamedTuple

from registry_tool.git.line import Line, Step
from registry_tool.git.log import log
from registry_tool.git.plumbing import Git
from registry_tool.git.vanished import is_name

__all__ = ["GrowingLine", "LineStep", "line_steps"]


class LineStep(NamedTuple):
    """One step of a line, and the names that it gives and takes away.

    Attributes:
        step: The commit.
        came: Files of versions, models, namespaces and tags that it adds.
        went: Such files that it removes.
    """

    step: Step
    came: frozenset[str]
    went: frozenset[str]


def line_steps(git: Git, tip: str, since: str) -> list[LineStep]:
    """The steps of the first-parent line that ends at a commit, oldest first.

    Args:
        git: The repository.
        tip: The full id of the last step.
        since: The full id of the commit on the line that is left out with all before it; empty for none.

    Raises:
        GitTrouble: Git cannot read the history.
    """
    revisions = [tip, f"^{since}"] if since else [tip]
    names: dict[Step, tuple[set[str], set[str]]] = {}
    found = log(git, revisions, (), "--first-parent", "--diff-merges=first-parent", "--raw")
    for step, touch in found:
        came, went = names.setdefault(step, (set(), set()))
        if touch is None or not is_name(touch.path):
            continue
        if touch.before is None:
            came.add(touch.path)
        elif touch.after is None:
            went.add(touch.path)
    steps = [
        LineStep(step, frozenset(came), frozenset(went)) for step, (came, went) in names.items()
    ]
    return steps[::-1]


class GrowingLine(Line):
    """The line at the newest of some steps, to which more are added.

    Args:
        git: The repository.
        start: The full id of the published commit before the first step; empty where nothing is published.
    """

    def __init__(self, git: Git, start: str) -> None:
        super().__init__(git, start)
        self._start = start
        self._came: set[str] = set()
        self._went: set[str] = set()

    def at(self) -> Line | None:
        """The line as it is now; None before the first commit."""
        return self if self.tip else None

    def add(self, one: LineStep) -> None:
        """Go one step on."""
        self.tip = one.step.commit
        self._went = (self._went | one.went) - one.came
        self._came = (self._came | one.came) - one.went

    def vanished(self, *folders: str) -> frozenset[str]:
        """See ``Line.vanished``."""
        before = Line(self.git, self._start).vanished(*folders) if self._start else frozenset()
        return (before | self._went) - self._came
