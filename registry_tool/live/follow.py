"""The live catalog of a branch: the present snapshot, moved along by the writer and by what others push.

Readers take ``snapshot`` and answer from it; it is replaced as a whole. The writer says what it committed, so that
nothing is read again. Commits of others are noticed by a look at the ref, and read as differences. Where the branch was
rewound or rewritten, the newest known state on its line is where the catalog goes on, else everything is read; the commit
that it left is remembered, because ids come from the line.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.errors import GitError, RegistryError
from registry_tool.git.ref_watch import RefWatch
from registry_tool.git.repository import Repository
from registry_tool.live.snapshot import Snapshot
from registry_tool.live.store import SnapshotStore

if TYPE_CHECKING:
    from registry_tool.live.moving import Step

# A start over a state that is known reads one file: what moves and tells events is imported when it is needed.
__all__ = ["LeftLine", "LiveCatalog"]

# Earlier snapshots that are kept: a branch that is rewound by a few commits is not read from its beginning.
_EARLIER: Final = 4
_INTERVAL: Final = 0.5
# Seconds between two savings while the branch moves: what a killed server has to read again.
_SAVED_EVERY: Final = 600.0

Listener = Callable[[Snapshot, Snapshot], object]


class LeftLine(NamedTuple):
    """A branch that moved to a line without the commit that it was at, so that ids and times may be others now.

    Attributes:
        commit: The full id of the commit that it was at.
        is_merged: True where that commit is in the history, but not on the first-parent line. A merge in the right order restores it.
    """

    commit: str
    is_merged: bool


def _now() -> int:
    return time.time_ns() // 1_000_000


class LiveCatalog:
    """The live catalog of one branch; safe for threads.

    Args:
        repository: Bare or not; it must have its whole history.
        ref: The branch's full name.
        folder: Where the snapshot is kept between runs; None keeps none.
        clock: The present, in milliseconds since 1970 UTC.

    Raises:
        ShallowHistoryError: The clone is shallow.
        GitError: Git cannot read the branch.
    """

    def __init__(
        self,
        repository: Repository,
        ref: str = "refs/heads/main",
        *,
        folder: Path | None = None,
        clock: Callable[[], int] = _now,
    ) -> None:
        self._repository = repository
        self._clock = clock
        self._watch = RefWatch(repository.git, ref)
        self._lock = threading.RLock()
        self._listeners: tuple[Listener, ...] = ()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        place = f"{repository.git.git_dir.resolve()}\n{ref}"
        self._store = None if folder is None else SnapshotStore(folder, place)
        self._trouble = ""
        self._left: LeftLine | None = None
        self._snapshot = Snapshot()
        self._prepared: tuple[Snapshot, Snapshot] | None = None
        self._earlier: dict[str, Snapshot] = {}
        found = None if self._store is None else self._store.load()
        self._saved = "" if found is None else found.commit
        self._saved_at = float("-inf")
        if found is not None:
            self._snapshot = self._earlier[found.commit] = found
        self.look()

    @property
    def snapshot(self) -> Snapshot:
        """The present state; a request takes it once."""
        return self._snapshot

    @property
    def trouble(self) -> str:
        """Why the catalog may be behind the branch; empty where it is not."""
        return self._trouble

    @property
    def left_line(self) -> LeftLine | None:
        """What the branch has left since the catalog follows it; None once its line has that again."""
        return self._left

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have a function called with the former and the new snapshot after each move, by the thread that moves.

        Returns:
            What ends this: the function is not called any more.
        """
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def stop() -> None:
            with self._lock:
                self._listeners = tuple(one for one in self._listeners if one is not listener)

        return stop

    def prepare(self, base: str, steps: Sequence[Step]) -> None:
        """Make the snapshot that ``advance`` will be asked for with the same commits, before they are on the branch.

        Args:
            base: The full id of the commit below the first.
            steps: The commits, oldest first.
        """
        from registry_tool.live.moving import move

        present = self._snapshot
        if present.commit == base:
            self._prepared = present, move(present, steps, self._clock())

    def _moved_by(self, steps: Sequence[Step]) -> Snapshot:
        from registry_tool.live.moving import move

        known, self._prepared = self._prepared, None
        if known is not None and known[0] is self._snapshot and known[1].commit == steps[-1].commit:
            return known[1]
        return move(self._snapshot, steps, self._clock())

    def advance(self, base: str, steps: Sequence[Step]) -> Snapshot:
        """Move by commits that the writer has put on the branch; nothing is read from Git.

        Args:
            base: The full id of the commit below the first.
            steps: The commits, oldest first.

        Returns:
            A snapshot that has them all.
        """
        with self._lock:
            if self._snapshot.commit == base and steps:
                self._publish(self._moved_by(steps))
            elif steps and self._snapshot.line.position(steps[-1].commit) is None:
                self.look()
            return self._snapshot

    def look(self) -> bool:
        """Look where the branch is and move there; True where the catalog moved.

        Raises:
            ShallowHistoryError: The clone is shallow.
            GitError: Git cannot read the branch.
        """
        with self._lock:
            tip = self._watch.tip()
            if tip is None and self._snapshot.commit:
                raise GitError("the branch was deleted", remedy="the last state of it is served")
            self._trouble = ""
            if tip is None or tip == self._snapshot.commit:
                return False
            moved = self._moved_to(tip)
            self._left = self._find_left_line(moved)
            self._publish(moved)
            return True

    def _find_left_line(self, moved: Snapshot) -> LeftLine | None:
        former = self._snapshot.commit
        if self._left is not None:
            return None if moved.line.position(self._left.commit) is not None else self._left
        if not former or moved.line.position(former) is not None:
            return None
        from registry_tool.git.refs import is_ancestor

        return LeftLine(former, is_ancestor(self._repository.git, moved.commit, former))

    def _moved_to(self, tip: str) -> Snapshot:
        from registry_tool.git.history import FirstParentHistory
        from registry_tool.live.moving import move
        from registry_tool.live.steps import read_steps

        line = FirstParentHistory(self._repository.git, tip)
        known = line.nearest(frozenset(self._earlier)) if self._earlier else None
        base = Snapshot() if known is None else self._earlier[known]
        steps = read_steps(self._repository, tip, since=base.commit)
        return move(base, steps, self._clock())

    def _publish(self, snapshot: Snapshot) -> None:
        former, self._snapshot = self._snapshot, snapshot
        self._earlier.pop(snapshot.commit, None)
        kept = list(self._earlier.items())[1 - _EARLIER :]
        self._earlier = {**dict(kept), snapshot.commit: snapshot}
        for listener in self._listeners:
            listener(former, snapshot)

    def start(self, interval: float = _INTERVAL) -> None:
        """Look at the branch again and again, in a thread, until ``close``."""
        self._thread = threading.Thread(
            target=self._follow, args=(interval,), name="live catalog", daemon=True
        )
        self._thread.start()

    def _follow(self, interval: float) -> None:
        while not self._stopped.wait(interval):
            try:
                self.look()
            except RegistryError as exc:
                self._trouble = str(exc)
            if time.monotonic() - self._saved_at > _SAVED_EVERY:
                self.save()

    def save(self) -> None:
        """Keep the present snapshot for the next start; where nothing can be written, nothing is kept."""
        snapshot = self._snapshot
        if self._store is not None and snapshot.commit not in {"", self._saved}:
            self._store.save(snapshot)
            self._saved, self._saved_at = snapshot.commit, time.monotonic()

    def close(self) -> None:
        """Stop looking, and keep the snapshot."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        self.save()
