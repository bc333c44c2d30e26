"""Names that were given away and are gone, remembered between runs.

Whether a version was ever there is a question to the whole history, and the history only grows: what was found for
one commit holds for ever, and a later commit adds what lies between. The notes are kept in the repository's own
folder. They are a cache: a note that cannot be read, or that says something else than it should, is as good as none.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry_tool.git.shallow import common_dir

if TYPE_CHECKING:
    from registry_tool.git.line import Line

__all__ = ["vanished"]

_NAMES: Final = ("/version.yaml", "/model.yaml", "/namespace.yaml")
_FORMAT: Final = "vanished/v1"
_TIPS = 16  # several branches are asked about in turn; each keeps its note

# For each commit the paths that are gone there.
Notes = dict[str, list[str]]


def _is_name(path: str) -> bool:
    folder = path.rpartition("/")[0]
    return path.endswith(_NAMES) or (folder.endswith("/tags") and path.endswith(".yaml"))


def _file(line: Line, folder: str) -> Path:
    import hashlib

    digest = hashlib.sha256(folder.encode(errors="surrogateescape")).hexdigest()[:16]
    return common_dir(line.git) / "registry-tool" / f"vanished-{digest}.json"


def _read(place: Path, folder: str) -> Notes:
    try:
        kept = json.loads(place.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(kept, dict) or (kept.get("format"), kept.get("folder")) != (_FORMAT, folder):
        return {}
    tips = kept.get("tips")
    found = tips.items() if isinstance(tips, dict) else ()
    return {
        tip: paths
        for tip, paths in found
        if isinstance(paths, list) and all(isinstance(path, str) for path in paths)
    }


def _write(place: Path, folder: str, notes: Notes) -> None:
    """Replace the file as a whole: of two processes that write at once one wins, and both files are right."""
    text = json.dumps({"format": _FORMAT, "folder": folder, "tips": notes}, indent=1)
    # A repository that cannot be written to is read all the same.
    with contextlib.suppress(OSError):
        place.parent.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".vanished-", suffix=".tmp", dir=place.parent)
        try:
            with os.fdopen(handle, "w", encoding="ascii") as stream:
                stream.write(text)
                Path(name).replace(place)
        except OSError:
            Path(name).unlink(missing_ok=True)


def _changed(line: Line, folder: str, since: str) -> tuple[set[str], set[str]]:
    """The names that went between two commits and stayed away, and those that came and stayed."""
    gone: set[str] = set()
    here: set[str] = set()
    for touch in line.touches(folder, since=since):
        if touch.before is not None and touch.after is not None:
            continue
        if _is_name(touch.path) and touch.path not in gone and touch.path not in here:
            (gone if touch.after is None else here).add(touch.path)
    return gone, here


def vanished(line: Line, folder: str) -> frozenset[str]:
    """See ``Line.vanished``."""
    place = _file(line, folder)
    notes = _read(place, folder)
    if line.tip in notes:
        return frozenset(notes[line.tip])
    since = line.nearest(frozenset(notes)) if notes else None
    gone, here = _changed(line, folder, since or "")
    found = gone.union(notes[since] if since else ()) - here
    kept = list(notes.items())[1 - _TIPS :]
    _write(place, folder, {**dict(kept), line.tip: sorted(found)})
    return frozenset(found)
