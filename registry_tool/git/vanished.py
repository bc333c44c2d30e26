"""Names that were given away and are gone, remembered between runs.

Whether a version was ever there is a question to history, and history only grows: what was found for one commit holds
for ever, and a later commit adds what lies between. So the answers are kept, in the repository's own folder. They are a
cache under a digest: a note that cannot be read, or in which one bit is another, is as good as none.

A question is about the folders where names are given. Git passes over commits that did not touch a folder, so a few
folders are asked about by themselves; after many of them everything is read once, and further questions are free.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry_tool.git.shallow import common_dir

if TYPE_CHECKING:
    from registry_tool.git.line import Line
    from registry_tool.git.plumbing import Git

__all__ = ["EVERYTHING", "carry_on", "is_name", "vanished"]

EVERYTHING: Final = "models"
_NAMES: Final = ("/version.yaml", "/model.yaml", "/namespace.yaml")
_FORMAT: Final = b"registry-tool vanished 3 "
_TIPS: Final = 16  # several branches are asked about in turn; each keeps its note
# At 100,000 commits one folder takes 0.15 s and everything 6 s: so neither way costs twice what the other would have.
_MANY: Final = 40

# For each folder, for each commit: the paths that are gone there.
Notes = dict[str, dict[str, list[str]]]


def is_name(path: str) -> bool:
    """True for a file by which a name is given: of a version, model, namespace or tag."""
    folder = path.rpartition("/")[0]
    return path.endswith(_NAMES) or (folder.endswith("/tags") and path.endswith(".yaml"))


def _file(git: Git) -> Path:
    return common_dir(git) / "registry-tool" / "vanished.json"


def _tips(kept: object) -> dict[str, list[str]]:
    found = kept.items() if isinstance(kept, dict) else ()
    return {
        tip: paths
        for tip, paths in found
        if tip and isinstance(paths, list) and all(isinstance(path, str) for path in paths)
    }


def _read(place: Path) -> Notes:
    try:
        first, _, text = place.read_bytes().partition(b"\n")
        kept = json.loads(text) if first == _sealed(text) else None
    except (OSError, ValueError, RecursionError):
        return {}
    found = kept.items() if isinstance(kept, dict) else ()
    return {folder: tips for folder, said in found if (tips := _tips(said))}


def _sealed(text: bytes) -> bytes:
    """The first line of a note: what it is, and the digest of the rest. Against accidents; who writes here can seal."""
    import hashlib  # for what is asked once

    return _FORMAT + hashlib.sha256(text).hexdigest().encode()


def _write(place: Path, notes: Notes) -> None:
    """Replace the file as a whole: of two processes that write at once one wins, and both files are right."""
    import tempfile  # for what is asked once

    text = json.dumps(notes).encode("ascii")
    # A repository that cannot be written to is read all the same.
    with contextlib.suppress(OSError):
        place.parent.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".vanished-", suffix=".tmp", dir=place.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(_sealed(text) + b"\n" + text)
                Path(name).replace(place)
        except OSError:
            Path(name).unlink(missing_ok=True)


def _parted(path: str, folders: Iterable[str]) -> Iterable[str]:
    """Those of the folders that a path lies in."""
    return (folder for folder in folders if path.startswith(f"{folder}/"))


def _changed(
    line: Line, folders: Iterable[str], since: str
) -> Mapping[str, tuple[set[str], set[str]]]:
    """For each folder the names that went between two commits and stayed away, and those that came and stayed."""
    found: dict[str, tuple[set[str], set[str]]] = {folder: (set(), set()) for folder in folders}
    seen: set[str] = set()
    for touch in line.touches(*found, since=since):
        if touch.before is not None and touch.after is not None:
            continue
        if is_name(touch.path) and touch.path not in seen:
            seen.add(touch.path)
            for folder in _parted(touch.path, found):
                found[folder][0 if touch.after is None else 1].add(touch.path)
    return found


def _starts(line: Line, notes: Notes, folders: Iterable[str]) -> dict[str, list[str]]:
    """The folders by the newest commit of the line that has a note on them; by an empty text those without one."""
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


def _with(tips: Mapping[str, list[str]], tip: str, paths: Iterable[str]) -> dict[str, list[str]]:
    """Notes on a folder with one more; of many the oldest goes."""
    return {**dict(list(tips.items())[1 - _TIPS :]), tip: sorted(paths)}


def _brought_up(line: Line, notes: Notes, folders: Iterable[str]) -> None:
    """Add to the notes what is gone at the line's tip, for folders of which that is not known."""
    for since, group in _starts(line, notes, folders).items():
        for folder, (gone, here) in _changed(line, group, since).items():
            before = notes.get(folder, {})
            found = gone.union(before.get(since, ())) - here
            notes[folder] = _with(before, line.tip, found)


def vanished(line: Line, folders: Iterable[str]) -> frozenset[str]:
    """See ``Line.vanished``."""
    place = _file(line.git)
    # Notes that another user may have written are not believed, and theirs are not ours to change.
    trusted = line.git.is_trusted
    notes = _read(place) if trusted else {}
    asked = sorted(set(folders))
    if EVERYTHING in notes or EVERYTHING in asked or len(notes.keys() | set(asked)) > _MANY:
        asked = [EVERYTHING]
    missing = [folder for folder in asked if line.tip not in notes.get(folder, {})]
    if missing:
        _brought_up(line, notes, missing)
        everything = {folder: tips for folder, tips in notes.items() if folder == EVERYTHING}
        if trusted:
            _write(place, everything or notes)
    return frozenset(path for folder in asked for path in notes[folder][line.tip])


def carry_on(
    git: Git, before: str, after: str, *, came: Iterable[str], went: Iterable[str]
) -> None:
    """Note for a new commit what follows from the notes on its parent: whoever made it knows what it changed.

    Args:
        git: The repository.
        before: The full id of the parent.
        after: The full id of the commit.
        came: The files that the commit adds or changes.
        went: The files of the parent that it removes.
    """
    notes = _read(_file(git))
    here, gone = set(came), set(filter(is_name, went))
    known = {folder: tips for folder, tips in notes.items() if before in tips}
    for folder, tips in known.items():
        lost = (path for path in gone if path.startswith(f"{folder}/"))
        notes[folder] = _with(tips, after, {*tips[before], *lost} - here)
    if known:
        _write(_file(git), notes)
