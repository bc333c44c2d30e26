"""Who made what a merge brought.

A merge is one step of the line, made by whoever pressed the button. The commit that counts for a file lies in the
merged branch: the last one there that touched it. One ``git log`` answers for many merges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from registry_tool.git.log import Step, Touch, log
from registry_tool.git.plumbing import Git
from registry_tool.git.shallow import boundary

__all__ = ["Makers", "makers"]

_MANY: Final = (
    500  # more paths than this cost more to match than to leave out, and may not fit a command line
)

# For each merge and path the commit that made the change; None where a shallow clone does not have it.
Makers = Mapping[tuple[str, str], Step | None]


class _Graph(NamedTuple):
    """The commits of some history, newest first: children stand before their parents."""

    steps: dict[str, Step]
    touches: dict[str, list[Touch]]


def _graph(git: Git, merges: Sequence[Step], paths: Iterable[str]) -> _Graph:
    """All commits between the newest merge and what came before the oldest, and how they touched some paths."""
    graph = _Graph({}, {})
    # In a full history no branch is passed over because another one has the same file; `--sparse` keeps the commits
    # that lead from one touch to the next. Topological, because dates do not say what came first.
    options = ["--raw", "--diff-merges=off", "--full-history", "--sparse", "--topo-order"]
    revisions = [merges[0].commit, f"^{merges[-1].parents[0]}"]
    wanted = sorted(set(paths))
    for step, touch in log(git, revisions, wanted if len(wanted) <= _MANY else (), *options):
        graph.steps[step.commit] = step
        if touch is not None:
            graph.touches.setdefault(step.commit, []).append(touch)
    return graph


def _line(graph: _Graph, tip: str) -> list[Step]:
    """The first-parent line of a graph, newest first."""
    found = []
    step = graph.steps.get(tip)
    while step is not None:
        found.append(step)
        step = graph.steps.get(step.parents[0]) if step.parents else None
    return found


def _brought_by(graph: _Graph, tip: str) -> dict[str, str]:
    """For each commit beside the line, the merge that brought it there first."""
    line = _line(graph, tip)
    owner = {step.commit: step.commit for step in line}
    for step in reversed(line):
        ahead = list(step.parents[1:])
        while ahead:
            commit = ahead.pop()
            if commit in graph.steps and commit not in owner:
                owner[commit] = step.commit
                ahead += graph.steps[commit].parents
    return owner


def _maker(touch: Touch, made: Sequence[Touch], *, cut: bool) -> Step | None:
    """The newest commit that made what the merge has; else the newest that touched it; else the merge itself."""
    wanted = touch.after
    same = next((one for one in made if one.after == wanted), None)
    if same is not None:
        return same.step
    if cut:
        return None
    return made[0].step if made else touch.step


def makers(git: Git, touches: Iterable[Touch]) -> Makers:
    """The commits that made what some steps of one line changed, as far as the steps are merges.

    Args:
        git: The repository.
        touches: Of one first-parent line, newest first.

    Raises:
        GitTrouble: Git cannot read the history.
    """
    wanted = {(t.step.commit, t.path): t for t in touches if len(t.step.parents) > 1}
    if not wanted:
        return {}
    merges = list({touch.step.commit: touch.step for touch in wanted.values()}.values())
    graph = _graph(git, merges, (touch.path for touch in wanted.values()))
    owner = _brought_by(graph, merges[0].commit)
    # At the boundary of a shallow clone a commit seems to add all its files: what it says it made counts for nothing.
    cut = boundary(git)
    cut_merges = {owner[commit] for commit in cut if commit in owner}
    made: dict[tuple[str, str], list[Touch]] = {}
    for commit, found in graph.touches.items():
        if commit in cut or owner.get(commit, commit) == commit:
            continue
        for touch in found:
            made.setdefault((owner[commit], touch.path), []).append(touch)
    return {
        key: _maker(touch, made.get(key, ()), cut=key[0] in cut_merges)
        for key, touch in wanted.items()
    }
