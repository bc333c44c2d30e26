"""The first-parent line of a branch: the published states, one step at a time, and the names removed on the way.

A commit on the line is a state that readers could see; a merge is one step, however many commits its branch had. The
order comes from the commit graph. Commit times are reported but never used for order, because clocks differ.

Whether a version ever existed is a question about history, and history only grows: the removed names at one commit
never change, and a later commit only adds those in between. So results are cached in the repository's own folder, with
a digest: a damaged cache file is ignored. Queries are by folder. Git skips commits that did not change a folder, so a
few folders are queried separately; beyond ``_MANY`` folders, everything is read once.

``UnpublishedHistory`` is the line at commits that are not published yet, such as those of a push under check. Removed
names are read from the published base once, and updated with each step, so nothing is cached for a commit that may be
refused.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.git.command import Git
from registry_tool.git.log import LITERAL, HistoryStep, Touch, log, split_fields, stream_output
from registry_tool.git.shallow import boundary, common_dir, has_latest_only, too_shallow

__all__ = [
    "EVERYTHING",
    "LITERAL",
    "FirstParentHistory",
    "HistoryStep",
    "NamedStep",
    "Touch",
    "UnpublishedHistory",
    "ensure_history",
    "extend_removed_names",
    "is_name",
    "list_steps",
    "removed_names",
]

_LINE: Final = ("--first-parent", "--diff-merges=first-parent")


def ensure_history(git: Git) -> None:
    """Fetch the history of a cached clone that has only the latest commits; other repositories are left as they are.

    Raises:
        OfflineError: The history cannot be fetched.
        OperationalError: Another process has been fetching it for ten minutes.
    """
    if has_latest_only(git):
        from registry_tool.git.remote.clone import complete_history  # rare

        complete_history(git)


class FirstParentHistory:
    """The first-parent line that ends at a commit.

    Args:
        git: The repository; bare, shallow and partial clones serve too. A cached clone without history is given it.
        tip: The full id of the commit.
    """

    def __init__(self, git: Git, tip: str) -> None:
        self._git = git
        self.tip = tip

    @property
    def git(self) -> Git:
        """The repository."""
        return self._git

    def __repr__(self) -> str:
        return f"FirstParentHistory({self.tip[:12]} in {self.git.place})"

    def _range(self, since: str) -> list[str]:
        return [self.tip, f"^{since}"] if since else [self.tip]

    def _read(
        self, options: tuple[str, ...], since: str, paths: tuple[str, ...]
    ) -> Iterator[tuple[HistoryStep, Touch | None]]:
        ensure_history(self.git)
        cut = boundary(self.git)
        for step, touch in log(self.git, self._range(since), paths, *_LINE, *options):
            if step.commit in cut:
                raise too_shallow(self.git, step.commit)
            yield step, touch
        # A boundary commit without the paths is not listed, and what it hides is no less unknown.
        self._check_whole(cut, since)

    def _check_whole(self, cut: frozenset[str], since: str) -> None:
        if not cut:
            return
        out = self.git.run(
            "rev-list", "--first-parent", "--max-parents=0", "--end-of-options",
            *self._range(since), "--",
        )  # fmt: skip
        for commit in out.decode().split():
            if commit in cut:
                raise too_shallow(self.git, commit)

    def steps(self, *, since: str = "") -> Iterator[HistoryStep]:
        """Every commit of the line, newest first.

        Args:
            since: The full id of a commit on the line; it and its ancestors are left out.

        Raises:
            ShallowHistoryError: The walk reaches the boundary of a shallow clone.
            GitError: Git cannot read the history.
        """
        return (step for step, _ in self._read(("--no-patch",), since, ()))

    def touches(self, *paths: str, since: str = "") -> Iterator[Touch]:
        """What the steps of the line changed, newest first; the files of one step in path order.

        Args:
            paths: Files or folders, as they are written; none for all.
            since: The full id of a commit on the line; it and its ancestors are left out.

        Raises:
            ShallowHistoryError: The walk reaches the boundary of a shallow clone. What came before it is right.
            GitError: Git cannot read the history.
        """
        found = self._read(("--raw",), since, paths)
        return (touch for _, touch in found if touch is not None)

    def find_entry(self, path: str) -> Touch | None:
        """The newest step that gave a file the content it has at the tip.

        Returns:
            The touch; None when the tip has no such file.

        Raises:
            ShallowHistoryError: The file is older than the boundary of a shallow clone, or was never there.
            GitError: Git cannot read the history.
        """
        # As a folder a path stands for all that is in it.
        newest = next((t for t in self.touches(path) if t.path == path), None)
        return newest if newest is not None and newest.after is not None else None

    def holds(self, commit: str) -> bool:
        """True if a commit, given by its full id, is on the line.

        Raises:
            ShallowHistoryError: It may be beyond the boundary of a shallow clone.
            GitError: Git cannot read the history.
        """
        return commit == self.nearest(frozenset({commit}))

    def nearest(self, commits: frozenset[str]) -> str | None:
        """The newest commit of the line that is one of some, given by their full ids.

        Raises:
            ShallowHistoryError: None is found before the boundary of a shallow clone.
            GitError: Git cannot read the history.
        """
        for commit in self.commits():
            if commit in commits:
                return commit
        return None

    def commits(self) -> Iterator[str]:
        """The full ids of the line's commits, newest first.

        Raises:
            ShallowHistoryError: The boundary of a shallow clone was passed.
            GitError: Git cannot read the history.
        """
        ensure_history(self.git)
        arguments = ["rev-list", "--first-parent", "--end-of-options", self.tip, "--"]
        for field in split_fields(b"\n", stream_output(self.git, arguments)):
            yield field.decode()
        self._check_whole(boundary(self.git), "")

    def removed_names(self, *folders: str) -> frozenset[str]:
        """Names that existed on the line and were removed: of versions, models, namespaces and tags.

        The result is cached in the repository's own folder and updated with the new commits of the line.

        Args:
            folders: Limit the result to these folders; none for all.

        Returns:
            Paths of ``version.yaml``, ``model.yaml``, ``namespace.yaml`` and ``tags/*.yaml`` that were on the line once
            and are not at the tip: those below the folders, perhaps with others.

        Raises:
            ShallowHistoryError: The clone is shallow.
            GitError: Git cannot read the history.
        """
        return removed_names(self, folders or [EVERYTHING])


EVERYTHING: Final = "models"
_NAMES: Final = ("/version.yaml", "/model.yaml", "/namespace.yaml")
_FORMAT: Final = b"registry-tool vanished 3 "
_TIPS: Final = 16  # several branches are read in turn; each has its own entry
# At 100,000 commits one folder takes 0.15 s and everything 6 s: so neither way costs twice what the other would have.
_MANY: Final = 40

# For each folder, for each commit: the removed paths.
Notes = dict[str, dict[str, list[str]]]


def is_name(path: str) -> bool:
    """True for a file whose path is a name: of a version, model, namespace or tag."""
    folder = path.rpartition("/")[0]
    return path.endswith(_NAMES) or (folder.endswith("/tags") and path.endswith(".yaml"))


def _cache_file(git: Git) -> Path:
    return common_dir(git) / "registry-tool" / "vanished.json"


def _valid_tips(kept: object) -> dict[str, list[str]]:
    found = kept.items() if isinstance(kept, dict) else ()
    return {
        tip: paths
        for tip, paths in found
        if tip and isinstance(paths, list) and all(isinstance(path, str) for path in paths)
    }


def _read(place: Path) -> Notes:
    try:
        first, _, text = place.read_bytes().partition(b"\n")
        kept = json.loads(text) if first == _header(text) else None
    except (OSError, ValueError, RecursionError):
        return {}
    found = kept.items() if isinstance(kept, dict) else ()
    return {folder: tips for folder, said in found if (tips := _valid_tips(said))}


def _header(text: bytes) -> bytes:
    """The first line of a cache file: its format and a digest of the rest. It detects damage, not attacks."""
    import hashlib  # rarely needed

    return _FORMAT + hashlib.sha256(text).hexdigest().encode()


def _write(place: Path, notes: Notes) -> None:
    """Replace the file as a whole: of two processes that write at once one wins, and both files are right."""
    import tempfile  # rarely needed

    text = json.dumps(notes).encode("ascii")
    # A read-only repository can still be read.
    with contextlib.suppress(OSError):
        place.parent.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".vanished-", suffix=".tmp", dir=place.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(_header(text) + b"\n" + text)
                Path(name).replace(place)
        except OSError:
            Path(name).unlink(missing_ok=True)


def _containing_folders(path: str, folders: Iterable[str]) -> Iterable[str]:
    """The folders that contain a path."""
    return (folder for folder in folders if path.startswith(f"{folder}/"))


def _removed_and_added(
    line: FirstParentHistory, folders: Iterable[str], since: str
) -> Mapping[str, tuple[set[str], set[str]]]:
    """For each folder, the names removed since a commit, and the names added since."""
    found: dict[str, tuple[set[str], set[str]]] = {folder: (set(), set()) for folder in folders}
    seen: set[str] = set()
    for touch in line.touches(*found, since=since):
        if touch.before is not None and touch.after is not None:
            continue
        if is_name(touch.path) and touch.path not in seen:
            seen.add(touch.path)
            for folder in _containing_folders(touch.path, found):
                found[folder][0 if touch.after is None else 1].add(touch.path)
    return found


def _group_by_start(
    line: FirstParentHistory, notes: Notes, folders: Iterable[str]
) -> dict[str, list[str]]:
    """The folders, grouped by the newest commit of the line with a cached result; under "" those without one."""
    known = {folder: notes[folder] for folder in folders if folder in notes}
    starts: dict[str, list[str]] = {"": [folder for folder in folders if folder not in notes]}
    for commit in line.commits() if known else ():
        for folder in [folder for folder, tips in known.items() if commit in tips]:
            starts.setdefault(commit, []).append(folder)
            del known[folder]
        if not known:
            break
    starts[""] += known
    return {since: group for since, group in starts.items() if group}


def _add_tip(tips: Mapping[str, list[str]], tip: str, paths: Iterable[str]) -> dict[str, list[str]]:
    """The cached results of a folder with one more; above the limit the oldest is dropped."""
    return {**dict(list(tips.items())[1 - _TIPS :]), tip: sorted(paths)}


def _update_notes(line: FirstParentHistory, notes: Notes, folders: Iterable[str]) -> None:
    """Add the removed names at the line's tip to the cached results of some folders."""
    for since, group in _group_by_start(line, notes, folders).items():
        for folder, (gone, here) in _removed_and_added(line, group, since).items():
            before = notes.get(folder, {})
            found = gone.union(before.get(since, ())) - here
            notes[folder] = _add_tip(before, line.tip, found)


def removed_names(line: FirstParentHistory, folders: Iterable[str]) -> frozenset[str]:
    """See ``FirstParentHistory.removed_names``."""
    place = _cache_file(line.git)
    # The cache of another user's repository is neither trusted nor changed.
    trusted = line.git.is_trusted
    notes = _read(place) if trusted else {}
    asked = sorted(set(folders))
    if EVERYTHING in notes or EVERYTHING in asked or len(notes.keys() | set(asked)) > _MANY:
        asked = [EVERYTHING]
    missing = [folder for folder in asked if line.tip not in notes.get(folder, {})]
    if missing:
        _update_notes(line, notes, missing)
        everything = {folder: tips for folder, tips in notes.items() if folder == EVERYTHING}
        if trusted:
            _write(place, everything or notes)
    return frozenset(path for folder in asked for path in notes[folder][line.tip])


def extend_removed_names(
    git: Git, before: str, after: str, *, came: Iterable[str], went: Iterable[str]
) -> None:
    """Derive the cached results of a new commit from those of its parent, without reading history.

    Args:
        git: The repository.
        before: The full id of the parent.
        after: The full id of the commit.
        came: The files that the commit adds or changes.
        went: The files of the parent that it removes.
    """
    notes = _read(_cache_file(git))
    here, gone = set(came), set(filter(is_name, went))
    known = {folder: tips for folder, tips in notes.items() if before in tips}
    for folder, tips in known.items():
        lost = (path for path in gone if path.startswith(f"{folder}/"))
        notes[folder] = _add_tip(tips, after, {*tips[before], *lost} - here)
    if known:
        _write(_cache_file(git), notes)


class NamedStep(NamedTuple):
    """One step of a line, and the names that it adds and removes.

    Attributes:
        step: The commit.
        came: Files of versions, models, namespaces and tags that it adds.
        went: Such files that it removes.
    """

    step: HistoryStep
    came: frozenset[str]
    went: frozenset[str]


def list_steps(git: Git, tip: str, since: str) -> list[NamedStep]:
    """The steps of the first-parent line that ends at a commit, oldest first.

    Args:
        git: The repository.
        tip: The full id of the last step.
        since: The full id of the commit on the line that is left out with all before it; empty for none.

    Raises:
        GitError: Git cannot read the history.
    """
    revisions = [tip, f"^{since}"] if since else [tip]
    names: dict[HistoryStep, tuple[set[str], set[str]]] = {}
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
        NamedStep(step, frozenset(came), frozenset(went)) for step, (came, went) in names.items()
    ]
    return steps[::-1]


class UnpublishedHistory(FirstParentHistory):
    """The line at the last of several steps, to which more can be added.

    Args:
        git: The repository.
        start: The full id of the published commit before the first step; empty where nothing is published.
    """

    def __init__(self, git: Git, start: str) -> None:
        super().__init__(git, start)
        self._start = start
        self._came: set[str] = set()
        self._went: set[str] = set()

    def at(self) -> FirstParentHistory | None:
        """The present line; None before the first commit."""
        return self if self.tip else None

    def add(self, one: NamedStep) -> None:
        """Add the next step."""
        self.tip = one.step.commit
        self._went = (self._went | one.went) - one.came
        self._came = (self._came | one.came) - one.went

    def removed_names(self, *folders: str) -> frozenset[str]:
        """See ``FirstParentHistory.removed_names``."""
        before = (
            FirstParentHistory(self.git, self._start).removed_names(*folders)
            if self._start
            else frozenset()
        )
        return (before | self._went) - self._came
