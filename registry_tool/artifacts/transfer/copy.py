"""All bytes of a registry from one remote to another, before it switches.

::

    what manifests name --candidates--> what the source has --plan--> going, unproved, proved --copy--> on the target

Every object is hashed on its way, and the target is queried for it afterwards. Existing objects there are read and
hashed, once: a journal on this machine says which objects were proved, so that an interrupted copy
resumes. The list of a folder's files goes last, so that it never stands for files that are missing. An object of DVC 2
goes where DVC 2 looks for it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

from registry_tool.artifacts.dvc_files import is_listing
from registry_tool.artifacts.filesystem import on_disk, remove, sweep, temporary_name
from registry_tool.artifacts.hashing import ByteWriter, Digest, digest_stream, ignore_progress
from registry_tool.artifacts.progress import SILENT, Progress, in_parallel, show_progress
from registry_tool.artifacts.remotes.base import Remote, read_listing
from registry_tool.errors import CorruptObjectError, MissingObjectError, RemoteError
from registry_tool.paths import state_folder

__all__ = ["CopyJournal", "CopyPlan", "CopySummary", "Present", "copy", "plan", "present"]

_WORKERS: Final = 4
_BATCH: Final = 64
_LINE: Final = re.compile(r"[0-9a-f]{32}(?:\.dir)?")


class CopyJournal:
    """Which objects were proved to be on a target, kept in the user's state folder.

    Args:
        registry: Which registry it is; see ``DvcSettings``.
        target: The address of the target.
    """

    def __init__(self, registry: str, target: str) -> None:
        name = sha256(f"{registry}\n{target}".encode(errors="surrogateescape")).hexdigest()
        self.place = state_folder() / "copies" / name
        self._writing = Lock()

    def read_proved(self) -> frozenset[str]:
        """The objects; invalid lines are skipped."""
        try:
            lines = self.place.read_text(encoding="ascii", errors="replace").splitlines()
        except OSError:
            return frozenset()
        return frozenset(line for line in lines if _LINE.fullmatch(line))

    def note(self, md5: str) -> None:
        """One more. Where it cannot be kept, the next run reads it again."""
        try:
            with self._writing:
                self.place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                handle = os.open(self.place, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                with os.fdopen(handle, "a", encoding="ascii") as stream:
                    stream.write(f"{md5}\n")
        except OSError:
            return


@dataclass(frozen=True)
class Present:
    """The objects of manifests that a source has: sizes in bytes, by md5; ``old`` are in the layout of DVC 2."""

    sizes: Mapping[str, int]
    old: frozenset[str]


class CopyPlan(NamedTuple):
    """What a copy would do.

    Attributes:
        found: What the source has.
        going: To be copied.
        unproved: On the target with the right size, and to be read there.
        proved: On the target, and proved by an earlier run.
    """

    found: Present
    going: tuple[str, ...]
    unproved: tuple[str, ...]
    proved: tuple[str, ...]

    def size(self, md5s: Collection[str]) -> int:
        """The bytes of some objects."""
        return sum(self.found.sizes[md5] for md5 in md5s)


class CopySummary(NamedTuple):
    """What a copy did: objects and bytes that were copied, and objects that the target had already, proved."""

    objects: int
    size: int
    proved: int


def present(candidates: Iterable[str], folders: Collection[str], source: Remote) -> Present:
    """What the source has of what manifests name.

    Args:
        candidates: Objects that a manifest may name, by md5.
        folders: Those among them that are folders whose files no manifest lists.
        source: Where they are.

    Raises:
        RemoteError: It cannot be queried.
        CorruptObjectError: The list of a folder's files is not what its name says.
    """
    wanted = set(candidates)
    listed = in_parallel(lambda md5: _members(md5, source), sorted(folders))
    wanted.update(md5 for members in listed for md5 in members)
    new = source.sizes(wanted)
    old = source.sizes(wanted - new.keys(), legacy=True)
    return Present({**old, **new}, frozenset(old))


def _members(md5: str, source: Remote) -> list[str]:
    try:
        listed = read_listing(source, md5, label=f"the list of files {md5}")
    except MissingObjectError:  # the target will lack it, which is found afterwards
        return []
    return [file.md5 for file in listed]


def plan(found: Present, target: Remote, journal: CopyJournal) -> CopyPlan:
    """Decide which objects to copy.

    Raises:
        RemoteError: The target cannot be queried.
    """
    there = target.sizes(found.sizes.keys() - found.old)
    there |= target.sizes(found.old, legacy=True)
    same = {md5 for md5, size in found.sizes.items() if there.get(md5) == size}
    proved = same & journal.read_proved()
    return CopyPlan(
        found,
        going=tuple(sorted(found.sizes.keys() - same)),
        unproved=tuple(sorted(same - proved)),
        proved=tuple(sorted(proved)),
    )


def _digest(
    md5: str, remote: Remote, progress: Progress, *, size: int, sink: ByteWriter | None = None
) -> Digest:
    with remote.download(md5) as stream:
        return digest_stream(
            stream, sink=sink, progress=progress.advance, expected=size, limit=size
        )


@dataclass(frozen=True)
class _Copy:
    """One copy under way."""

    sizes: Mapping[str, int]
    old: frozenset[str]
    source: Remote
    target: Remote
    making: Path
    journal: CopyJournal
    progress: Progress

    def _label(self, remote: Remote) -> str:
        return f"the remote {remote.name} ({remote.url})"

    def check(self, md5: str) -> bool:
        """Read an object on the target; False where it has other bytes than its name says."""
        found = _digest(md5, self.target, self.progress, size=self.sizes[md5])
        if found.md5 != md5.removesuffix(".dir"):
            return False
        self.journal.note(md5)
        return True

    def copy_object(self, md5: str) -> None:
        """Copy one object."""
        size = self.sizes[md5]
        fresh = temporary_name(self.making, md5)
        try:
            with on_disk(f"{fresh} cannot be written"), fresh.open("wb") as sink:
                found = _digest(md5, self.source, self.progress, size=size, sink=sink)
            if found.md5 != md5.removesuffix(".dir"):
                raise CorruptObjectError(
                    f"{self._label(self.source)} has different content under {md5}: its md5 is {found.md5}",
                    remedy="restore the object there, then run the same command again: it resumes",
                )
            self.target.put(md5, fresh, progress=ignore_progress, legacy=md5 in self.old)
        finally:
            remove(fresh)

    def check_arrived(self, md5s: Collection[str]) -> None:
        """Check that the target has the copied objects, and note it."""
        there = self.target.sizes(md5s, legacy=True)
        for md5 in sorted(md5s):
            if there.get(md5) != self.sizes[md5]:
                raise RemoteError(
                    f"{self._label(self.target)} does not have {md5} after the upload",
                    remedy="run the same command again: it resumes",
                )
            self.journal.note(md5)


def copy(
    todo: CopyPlan,
    source: Remote,
    target: Remote,
    journal: CopyJournal,
    *,
    making: Path,
    progress: Progress = SILENT,
) -> CopySummary:
    """Copy what a plan says, several objects at a time.

    Args:
        todo: The plan.
        source: Where the objects are.
        target: Where they go.
        journal: Where it is noted which were proved.
        making: A folder of this machine with room for the four largest objects.
        progress: Receives the number of bytes read, on either side.

    Raises:
        CorruptObjectError: The source has different content under an object's md5; copied objects stay.
        RemoteError: One of them refused or disconnected; copied objects stay.
    """
    with on_disk(f"{making} cannot be written"):
        making.mkdir(parents=True, exist_ok=True)
        sweep(making, now=making.stat().st_mtime)
    work = _Copy(todo.found.sizes, todo.found.old, source, target, making, journal, progress)
    total = todo.size(todo.going) + todo.size(todo.unproved)
    with show_progress(progress, total, f"Copying to {target.name}"):
        right = in_parallel(work.check, todo.unproved, workers=_WORKERS)
        wrong = [md5 for md5, is_right in zip(todo.unproved, right, strict=True) if not is_right]
        for md5 in wrong:  # a store may refuse to put another object of the same size in its place
            target.delete(md5)
        going = [*todo.going, *wrong]
        for some in (
            [md5 for md5 in going if not is_listing(md5)],
            [md5 for md5 in going if is_listing(md5)],
        ):
            _in_batches(some, work.copy_object, work.check_arrived)
    return CopySummary(
        len(going), todo.size(going), len(todo.proved) + len(todo.unproved) - len(wrong)
    )


def _in_batches(
    md5s: list[str],
    copy_object: Callable[[str], None],
    check_arrived: Callable[[Collection[str]], None],
) -> None:
    """After a kill, at most the last batch has to be read again."""
    for start in range(0, len(md5s), _BATCH):
        batch = md5s[start : start + _BATCH]
        in_parallel(copy_object, batch, workers=_WORKERS)
        check_arrived(batch)
