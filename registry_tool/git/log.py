"""``git log``, parsed while it runs: a caller that needs only the newest commit does not wait for the oldest.

This is the only parser of its output. Each commit comes with the files that it changed against its first parent, as
names and object ids. No file is read, so a clone without blobs needs no remote.

``find_makers`` finds who made the content of a merge: the last commit in the merged branch that changed the file. One
``git log`` serves many merges.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from registry_tool.errors import GitError
from registry_tool.git.command import Git
from registry_tool.git.shallow import boundary
from registry_tool.git.tree import Entry

__all__ = [
    "LITERAL",
    "HistoryStep",
    "Makers",
    "Touch",
    "find_makers",
    "log",
    "read_trailers",
    "split_fields",
    "stream_output",
]

# Paths come from the registry: a `*` or `:(glob)` in one means itself.
LITERAL: Final = {"GIT_LITERAL_PATHSPECS": "1"}
# A user's settings may hide first commits, follow renames, add signatures or make paths relative.
_SETTINGS: Final = (
    "-c",
    "log.showRoot=true",
    "-c",
    "log.follow=false",
    "-c",
    "diff.relative=false",
)
_HEADER: Final = "%x01%H%x00%P%x00%ct%x00%an <%ae>%x00%cn <%ce>%x00%s"
_CHUNK: Final = 1 << 16


class HistoryStep(NamedTuple):
    """One commit on a first-parent line.

    Attributes:
        commit: Its id.
        parents: The ids of its parents; the first is the step before. Empty for the first commit.
        when: The committer's time, in seconds since 1970 UTC; reported, never used for order.
        author: Who made it, as ``Name <email>``.
        committer: Who put it on the line, as ``Name <email>``.
        subject: The first paragraph of its message, as one line.
    """

    commit: str
    parents: tuple[str, ...]
    when: int
    author: str
    committer: str
    subject: str


class Touch(NamedTuple):
    """One file that a step changed against its first parent.

    Attributes:
        step: The commit.
        path: The file.
        before: What the first parent has there; None where it has no file.
        after: What the commit has there; None where it has no file.
    """

    step: HistoryStep
    path: str
    before: Entry | None
    after: Entry | None


def _text(field: bytes) -> str:
    return field.decode(errors="surrogateescape")


def split_fields(end: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The fields of a stream between its separators, as they arrive."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(end)
        yield from whole
    if rest:
        yield rest


def _step(first: bytes, fields: Iterator[bytes]) -> HistoryStep:
    parents, when, author, committer, subject = (_text(next(fields)) for _ in range(5))
    return HistoryStep(
        commit=_text(first.removeprefix(b"\x01")),
        parents=tuple(parents.split()),
        when=int(when) if when.isdecimal() else 0,  # Git gives nothing for a date it cannot read
        author=author,
        committer=committer,
        subject=subject,
    )


def _entry(mode: str, oid: str) -> Entry | None:
    return None if int(mode, 8) == 0 else Entry(int(mode, 8), oid)


def _touch(step: HistoryStep, meta: bytes, path: bytes) -> Touch:
    old_mode, new_mode, old, new, _ = meta.decode().removeprefix(":").split(" ")
    return Touch(step, _text(path), _entry(old_mode, old), _entry(new_mode, new))


def _parse(chunks: Iterator[bytes]) -> Iterator[tuple[HistoryStep, Touch | None]]:
    """Each step once without a touch, then with each of its touches."""
    fields = split_fields(b"\0", chunks)
    step: HistoryStep | None = None
    for field in fields:
        if field.startswith(b"\x01"):
            step = _step(field, fields)
            yield step, None
        elif step is not None:  # a line feed parts a commit from what it changed
            yield step, _touch(step, field.removeprefix(b"\n"), next(fields))


def stream_output(git: Git, arguments: Sequence[str]) -> Iterator[bytes]:
    """The output of a git command, as it arrives; the process ends when the reader stops.

    Raises:
        GitError: The command fails.
    """
    process = git.popen(*arguments, env=LITERAL)
    if process.stdin is None or process.stdout is None:
        raise GitError("git started without pipes")
    process.stdin.close()
    try:
        while chunk := os.read(process.stdout.fileno(), _CHUNK):
            yield chunk
        if process.wait() != 0:
            git.run(*arguments, env=LITERAL)  # asked again, it says why
            raise GitError(f"git exited unexpectedly while reading {git.place}")
    finally:
        process.terminate()
        process.stdout.close()
        process.wait()


def log(
    git: Git, revisions: Sequence[str], paths: Sequence[str], *options: str
) -> Iterator[tuple[HistoryStep, Touch | None]]:
    """Commits in the order of ``git log``: each one alone, then once with each file it changed.

    Args:
        git: The repository.
        revisions: Full ids of commits; ``^`` before one leaves out what it reaches.
        paths: Files or folders, as they are written; none for all.
        options: More options of ``git log``; without ``--raw`` no files are reported.

    Raises:
        GitError: Git cannot read the history.
    """
    arguments = [
        *_SETTINGS, "log", "--no-renames", "--no-abbrev", "--no-show-signature", "--no-notes",
        "--no-color", "--encoding=UTF-8", "-O/dev/null", "--ignore-submodules=none", "-z", *options,
        f"--format={_HEADER}", "--end-of-options", *revisions, "--", *paths,
    ]  # fmt: skip
    return _parse(stream_output(git, arguments))


def read_trailers(git: Git, revisions: Sequence[str], name: str) -> dict[str, str]:
    """The value of a trailer of each commit of a first-parent line that has it; of several the first.

    Args:
        git: The repository.
        revisions: Full ids of commits; ``^`` before one leaves out what it reaches.
        name: The trailer, such as ``Registry-Time``.

    Raises:
        GitError: Git cannot read the history.
    """
    value = f"%(trailers:key={name},valueonly=true,separator=%x20)"
    arguments = [
        "log", "--first-parent", "--no-patch", "--no-show-signature", "--no-notes", "--no-color",
        "--encoding=UTF-8", "-z", f"--grep=^{name}: ", f"--format=%H {value}", "--end-of-options",
        *revisions, "--",
    ]  # fmt: skip
    found = {}
    for field in split_fields(b"\0", stream_output(git, arguments)):
        commit, _, said = _text(field).strip().partition(" ")
        if said:
            found[commit] = said.split(" ")[0]
    return found


_MANY: Final = (
    500  # more paths than this cost more to match than to leave out, and may not fit a command line
)

# For each merge and path the commit that made the change; None where a shallow clone does not have it.
Makers = Mapping[tuple[str, str], HistoryStep | None]


class _Graph(NamedTuple):
    """The commits of some history, newest first: children before their parents."""

    steps: dict[str, HistoryStep]
    touches: dict[str, list[Touch]]


def _graph(git: Git, merges: Sequence[HistoryStep], paths: Iterable[str]) -> _Graph:
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


def _line(graph: _Graph, tip: str) -> list[HistoryStep]:
    """The first-parent line of a graph, newest first."""
    found = []
    step = graph.steps.get(tip)
    while step is not None:
        found.append(step)
        step = graph.steps.get(step.parents[0]) if step.parents else None
    return found


def _brought_by(graph: _Graph, tip: str) -> dict[str, str]:
    """For each commit outside the line, the merge that first included it."""
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


def _maker(touch: Touch, made: Sequence[Touch], *, cut: bool) -> HistoryStep | None:
    """The newest commit that made what the merge has; else the newest that touched it; else the merge itself."""
    wanted = touch.after
    same = next((one for one in made if one.after == wanted), None)
    if same is not None:
        return same.step
    if cut:
        return None
    return made[0].step if made else touch.step


def find_makers(git: Git, touches: Iterable[Touch]) -> Makers:
    """The commits that made what some steps of one line changed, as far as the steps are merges.

    Args:
        git: The repository.
        touches: Of one first-parent line, newest first.

    Raises:
        GitError: Git cannot read the history.
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
