"""The commits of a branch as steps: what each changed, with the bytes, read in bulk.

One ``git log`` gives the files, one long-lived process their bytes. Works in bare, partial and full clones; a shallow one
is refused, because what it lacks has ids too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from registry_tool.git.history import HistoryStep, Touch, ensure_history
from registry_tool.git.log import log, read_trailers
from registry_tool.git.objects.reader import fetch_objects
from registry_tool.git.repository import Repository
from registry_tool.git.shallow import boundary, too_shallow
from registry_tool.git.tree import EXECUTABLE, FILE
from registry_tool.live.moving import Step
from registry_tool.live.times import claimed_time
from registry_tool.manifests.document import READ_LIMIT

__all__ = ["TIME_TRAILER", "read_steps"]

TIME_TRAILER: Final = "Registry-Time"
_IN_A_PIPE: Final = 512
_AT_ONCE: Final = 20_000
_NOT_READ: Final = (".dvc", "/CARD.md", "/key.yaml")
_WATCHED: Final = ("models/", "objects/")
_SETTINGS: Final = frozenset({"registry.yaml", "serve.yaml"})
# A file that is a link or a submodule: it exists and cannot be read.
_UNREADABLE: Final = b""

_Commit = tuple[HistoryStep, list[Touch]]


def _commits(repository: Repository, tip: str, since: str) -> Iterator[_Commit]:
    """The commits of the line, oldest first, with the files that count."""
    git = repository.git
    cut = boundary(git)
    revisions = [tip, f"^{since}"] if since else [tip]
    line = ("--first-parent", "--diff-merges=first-parent", "--raw", "--reverse")
    step, touches = None, list[Touch]()
    for found, touch in log(git, revisions, (), *line):
        if found.commit in cut:
            raise too_shallow(git, found.commit)
        if step is not None and found is not step:
            yield step, touches
            touches = []
        step = found
        if touch is not None and (touch.path.startswith(_WATCHED) or touch.path in _SETTINGS):
            touches.append(touch)
    if step is not None:
        yield step, touches


def _is_wanted(touch: Touch) -> bool:
    entry = touch.after
    return (
        entry is not None
        and entry.mode in (FILE, EXECUTABLE)
        and not touch.path.endswith(_NOT_READ)
    )


def _batches(commits: Iterable[_Commit], size: int) -> Iterator[list[_Commit]]:
    batch: list[_Commit] = []
    count = 0
    for commit in commits:
        batch.append(commit)
        count += 1 + sum(map(_is_wanted, commit[1]))
        if count >= size:
            yield batch
            batch, count = [], 0
    if batch:
        yield batch


def _read(repository: Repository, batch: Iterable[_Commit]) -> dict[str, bytes]:
    """The bytes of the files of some commits, by object id."""
    wanted = {t.after.oid: None for _, some in batch for t in some if _is_wanted(t) and t.after}
    oids = list(wanted)
    found: dict[str, bytes] = {}
    for start in range(0, len(oids), _IN_A_PIPE):
        names = oids[start : start + _IN_A_PIPE]
        for oid, blob in zip(
            names, repository.reader.read_many(names, limit=READ_LIMIT), strict=True
        ):
            found[oid] = _UNREADABLE if blob is None else blob[2]
    return found


def _content(touch: Touch, blobs: dict[str, bytes]) -> bytes | None:
    if touch.after is None:
        return None
    return blobs[touch.after.oid] if _is_wanted(touch) else _UNREADABLE


def read_steps(repository: Repository, tip: str, *, since: str = "") -> Iterator[Step]:
    """The steps of the first-parent line that ends at a commit, oldest first.

    Args:
        repository: A bare, partial or full clone.
        tip: The full id of the last commit.
        since: The full id of a commit on the line; it and what came before are left out. Empty for the whole line.

    Raises:
        ShallowHistoryError: The clone is shallow.
        GitError: Git cannot read the history.
        OfflineError: A partial clone cannot fetch the manifests that it lacks.
    """
    git = repository.git
    ensure_history(git)
    claimed = read_trailers(git, [tip, f"^{since}"] if since else [tip], TIME_TRAILER)
    is_partial = git.flag("remote.origin.promisor")
    for batch in _batches(_commits(repository, tip, since), _AT_ONCE if is_partial else _IN_A_PIPE):
        if is_partial:
            fetch_objects(
                git, (t.after.oid for _, some in batch for t in some if _is_wanted(t) and t.after)
            )
        blobs = _read(repository, batch)
        for step, touches in batch:
            files = {touch.path: _content(touch, blobs) for touch in touches}
            time = claimed_time(claimed.get(step.commit, ""))
            yield Step(step.commit, step.when, step.committer, time, files)
