"""What one author sees: the published state with the commits of the author's branches on it.

An object that is only proposed has an id from ``BRANCH_START`` up. No id is given twice by one server; after the merge, it
leads to the object of the published state, also after a restart: the ids are in a file.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from registry_tool.live.ids import BRANCH_START
from registry_tool.live.places import Spot, locate_spot, object_key
from registry_tool.live.records import ModelRecord, ObjectRecord, Record
from registry_tool.server.state_files import StateFiles

if TYPE_CHECKING:
    from registry_tool.live.moving import Step
    from registry_tool.live.snapshot import Snapshot
    from registry_tool.manifests.layout import Layout
    from registry_tool.writer.unmerged import Unmerged

__all__ = ["GivenIds", "ProposedBranch", "SubjectView", "ViewMaker", "find_keys"]

_MOST_FORMER: Final = 10_000
# Ids begin at the second of the first commit, so that a server that was restarted does not give those of another object.
_SECONDS: Final = 400_000_000

# An object by its key, or an artifact of one by its label too.
_Named = tuple[str, str | None]
_Number = tuple[bool, int]


class SubjectView(NamedTuple):
    """What one subject sees.

    Attributes:
        snapshot: The published state, with what the subject has proposed.
        mark: Differs between any two states.
        branches: For each object that a proposal adds or changes the branch, by its key; see ``Spot``.
        conflicts: The keys of those that were published with another content meanwhile.
    """

    snapshot: Snapshot
    mark: str
    branches: Mapping[str, str] = {}
    conflicts: frozenset[str] = frozenset()

    def branch(self, record: Record) -> str:
        """The branch that proposes an object, or a change of it; empty for none."""
        return self.branches.get(_key(self.snapshot, record), "") if self.branches else ""

    def is_conflict(self, record: Record) -> bool:
        """True for an object that cannot be merged as it is proposed."""
        return bool(self.conflicts) and _key(self.snapshot, record) in self.conflicts


def _key(snapshot: Snapshot, record: Record) -> str:
    if isinstance(record, ModelRecord):
        return snapshot.layout.model(record.name)
    if isinstance(record, ObjectRecord):
        return object_key(record.api, record.kind, record.slug)
    return snapshot.key(record)


class ProposedBranch(NamedTuple):
    """One branch, as it was looked at last.

    Attributes:
        name: Its name, without ``refs/heads/``.
        tip: The full id of its last commit.
        unmerged: What is left of it.
        steps: Its commits, oldest first, with the files that are left.
        keys: The objects that these files belong to.
    """

    name: str
    tip: str
    unmerged: Unmerged
    steps: tuple[Step, ...] = ()
    keys: frozenset[str] = frozenset()

    def list_versions(self, home: str) -> Iterator[str]:
        """The versions and drafts in a model's folder that have files here; a draft has the key of its version."""
        start = f"{home}/versions/"
        return (key.removeprefix(start) for key in self.keys if key.startswith(start))


def find_keys(layout: Layout, paths: Iterable[str]) -> frozenset[str]:
    """The objects that files belong to."""
    spots = (locate_spot(layout, path) for path in paths)
    return frozenset(spot.key for spot in spots if spot is not None)


class GivenIds:
    """The ids that the objects of one author have had while they were proposed; not safe for threads.

    Args:
        files: Where they are remembered.
        author: The name of the file.
    """

    def __init__(self, files: StateFiles, author: str) -> None:
        self._files = files
        self._author = author
        self._named: dict[_Number, _Named] = {}
        lines = files.read(author).splitlines()
        for line in lines[-_MOST_FORMER:]:
            with suppress(ValueError, TypeError):  # half a line, of a machine that lost its power
                is_artifact, number, key, label = orjson.loads(line)
                self._named[bool(is_artifact), int(number)] = key, label
        self.highest = max((number for _, number in self._named), default=0)
        if len(lines) > 2 * _MOST_FORMER:
            files.replace(author, _write_lines(self._named))

    def is_free(self, number: _Number, named: _Named) -> bool:
        """True for an id that was not given, or to the same object."""
        return self._named.get(number, named) == named

    def add(self, given: Mapping[_Number, _Named]) -> None:
        """Remember ids; of very many, those that were given first are forgotten."""
        new = {number: named for number, named in given.items() if number not in self._named}
        if not new:
            return
        self._named |= new
        self.highest = max(self.highest, *(number for _, number in new))
        for old in [*self._named][: max(0, len(self._named) - _MOST_FORMER)]:
            del self._named[old]
        self._files.append(self._author, _write_lines(new))

    def find(self, number: int, *, is_artifact: bool) -> _Named | None:
        """The object that had an id."""
        return self._named.get((is_artifact, number))


def _write_lines(given: Mapping[_Number, _Named]) -> bytes:
    rows = ([is_artifact, number, *named] for (is_artifact, number), named in given.items())
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


class ViewMaker:
    """Makes the views of one author; not safe for threads.

    Args:
        given: The ids that it has given.
    """

    def __init__(self, given: GivenIds) -> None:
        self._given = given

    def make(self, branches: Sequence[ProposedBranch], published: Snapshot) -> SubjectView:
        """The published state with all that an author has proposed.

        Args:
            branches: The author's branches, oldest first. What conflicts is shown of the newest one only: the author was told
                of it, and has begun another branch.
            published: The published state.
        """
        shown = [one for one in branches if one.steps]
        shown = [one for one in shown if published.line.position(one.tip) is None]
        if not shown:
            return SubjectView(published, published.commit)
        *earlier, newest = shown
        steps: list[Step] = []
        found: dict[str, str] = {}
        for one in earlier:
            added = list(_steps_without_conflicts(one, published.layout))
            steps += added
            found |= dict.fromkeys(_keys_of_steps(published.layout, added), one.name)
        found |= dict.fromkeys(newest.keys, newest.name)
        steps += _steps_in_place(newest, published)
        conflicts = find_keys(published.layout, newest.unmerged.conflicts)
        snapshot, start = self._lay(published, steps, found)
        return SubjectView(snapshot, _make_mark(published, shown, start), found, conflicts)

    def _lay(
        self, published: Snapshot, steps: Sequence[Step], keys: Iterable[str]
    ) -> tuple[Snapshot, int]:
        """Lay steps on the published state; no id is given to anything else than it was given to before.

        Returns:
            The state, and the first id that was free for what the steps add.
        """
        from registry_tool.live.moving import move

        now = int(time.time() * 1000)
        start = BRANCH_START + (steps[0].claimed // 1000 or steps[0].when) % _SECONDS
        snapshot = move(published.on_branch(start), steps, now)
        given = dict(_list_given(snapshot, keys))
        if not all(self._given.is_free(number, named) for number, named in given.items()):
            start = self._given.highest + 1
            snapshot = move(published.on_branch(start), steps, now)
            given = dict(_list_given(snapshot, keys))
        self._given.add(given)
        return snapshot, start

    def find_now(self, number: int, snapshot: Snapshot, *, is_artifact: bool) -> int:
        """The id that an object has in a snapshot, after it had another one while it was proposed; 0 where it is not known."""
        named = self._given.find(number, is_artifact=is_artifact)
        if named is None:
            return 0
        key, label = named
        ids = snapshot.ids
        birth = ids.births.get(key) if label is None else ids.artifact_id(key, label)
        return 0 if birth is None else birth.id


def _make_mark(published: Snapshot, shown: Iterable[ProposedBranch], start: int) -> str:
    """What differs between any two states: a branch with the same tip may have been merged in part, or conflict, meanwhile."""
    said = [published.commit, str(start)]
    for one in shown:
        said += [one.tip, *sorted(one.unmerged.paths), "", *sorted(one.unmerged.conflicts), ""]
    digest = hashlib.blake2b("\0".join(said).encode(errors="surrogateescape"), digest_size=16)
    return f"{published.commit} {digest.hexdigest()}"


def _keys_of_steps(layout: Layout, steps: Iterable[Step]) -> frozenset[str]:
    return find_keys(layout, (path for step in steps for path in step.files))


def _find_versions(layout: Layout, paths: Iterable[str]) -> dict[str, Spot]:
    """The versions that files belong to, by key."""
    spots = (locate_spot(layout, path) for path in paths)
    return {spot.key: spot for spot in spots if spot is not None and spot.owner == "version"}


def _steps_without_conflicts(one: ProposedBranch, layout: Layout) -> Iterator[Step]:
    """The steps of a branch without the objects that conflict with published ones."""
    conflicts = one.unmerged.conflicts
    versions = _find_versions(layout, conflicts).keys()
    for step in one.steps:
        kept = {
            path: content
            for path, content in step.files.items()
            if path not in conflicts and versions.isdisjoint(find_keys(layout, [path]))
        }
        if kept:
            yield step._replace(files=kept)


def _steps_in_place(one: ProposedBranch, published: Snapshot) -> Iterator[Step]:
    """The steps of a branch, with its versions in place of those that they conflict with."""
    layout = published.layout
    versions = _find_versions(layout, one.unmerged.conflicts)
    for step in one.steps:
        files: dict[str, bytes | None] = {}
        for key in find_keys(layout, step.files) & versions.keys():
            files |= _clear(published, versions.pop(key))
        yield step._replace(files={**files, **step.files})


def _clear(published: Snapshot, spot: Spot) -> dict[str, bytes | None]:
    """What removes the files of a published version, so that those of another one are not mixed with them."""
    version = None if spot.model is None else published.version(spot.model, spot.name)
    if version is None:
        return {}
    layout = published.layout
    folder = layout.draft if version.is_draft else layout.version
    names = ("version.yaml", *version.files)
    return {f"{folder(version.model, version.version)}/{name}": None for name in names}


def _list_given(snapshot: Snapshot, keys: Iterable[str]) -> Iterator[tuple[_Number, _Named]]:
    """The ids that are those of a branch, and what they are for."""
    ids = snapshot.ids
    for key in keys:
        birth = ids.births.get(key)
        if birth is not None and birth.id >= BRANCH_START:
            yield (False, birth.id), (key, None)
        for run in ids.runs.get(key, ()):
            if run.first >= BRANCH_START:
                for place, label in enumerate(run.labels):
                    yield (True, run.first + place), (key, label)
