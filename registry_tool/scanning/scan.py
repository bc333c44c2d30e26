"""A scan of files on disk: each is opened for reading, and nothing in it is run."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Literal, NamedTuple

from registry_tool.scanning.archives.zip import ends_as_zip, scan_zip
from registry_tool.scanning.context import Look
from registry_tool.scanning.formats import look_at
from registry_tool.scanning.plugins import Scanner, scan_with
from registry_tool.scanning.report import Finding, Level, Report, Scanned, decide_verdict
from registry_tool.scanning.stream import Stream

__all__ = ["Scan", "scan_files", "scan_path", "size_below"]

# The last member of a tar file may be a zip file.
_MAY_END_AS_ZIP: Final = frozenset({"zip", "torch", "torchscript", "npz", "keras", "tar"})


class Scan(NamedTuple):
    """What was found in an artifact.

    Attributes:
        files: Each file.
        accepted: The levels that do not fail it.
    """

    files: tuple[Scanned, ...]
    accepted: frozenset[Level] = frozenset({"unsafe"})

    @property
    def findings(self) -> list[Finding]:
        """All findings."""
        return [finding for file in self.files for finding in file.findings]

    @property
    def verdict(self) -> Literal["pass", "fail"]:
        """See ``report.decide_verdict``."""
        return decide_verdict(self.findings, self.accepted)

    def of(self, scanner: str) -> list[Finding]:
        """What one scanner found."""
        return [finding for finding in self.findings if finding.scanner == scanner]


def _unread(path: str, why: str) -> Scanned:
    report = Report()
    report.add("unread", path, why)
    report.facts["format"] = "unknown"
    return report.result(path)


@contextmanager
def _open(place: Path) -> Iterator[tuple[BinaryIO, os.stat_result]]:
    # A pipe would be waited for.
    handle = os.open(place, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(handle, "rb", buffering=0) as file:
        yield file, os.fstat(handle)


def _scan_file(place: Path, path: str) -> Scanned:
    try:
        with _open(place) as (file, info):
            if not stat.S_ISREG(info.st_mode):
                return _unread(path, "it is neither a file nor a folder")
            report = Report(size=info.st_size)
            look_at(Look(Stream.of(file, info.st_size), path, report, 0, look_at))
            # What begins as something else may end as a zip file: readers of zip look at the end.
            ends = report.facts.get("format") in _MAY_END_AS_ZIP
            if not ends and ends_as_zip(file, info.st_size):
                file.seek(0)
                words = f"it is {report.facts.get('format')} and also a zip file"
                report.add("dangerous", path, words)
                stream = Stream.of(file, info.st_size)
                scan_zip(Look(stream, path, report, 0, look_at, told=False))
    except OSError as exc:
        return _unread(path, f"it cannot be read: {exc.strerror or exc}")
    return report.result(path)


def _nothing(_: int) -> None:
    pass


def scan_files(
    files: Iterable[tuple[str, Path]],
    others: Sequence[Scanner] = (),
    done: Callable[[int], None] = _nothing,
) -> Scan:
    """Scan some files. One that cannot be read is a finding.

    Args:
        files: The path of each inside its artifact, and where it lies.
        others: Scanners of other packages that look too; see ``plugins``.
        done: Is given the size in bytes of each file that was scanned.
    """
    found = []
    for path, place in files:
        one = _scan_file(place, path)
        more = [finding for scanner in others for finding in scan_with(scanner, place, path)]
        found.append(one._replace(findings=(*one.findings, *more)) if more else one)
        done(_size(place))
    return Scan(tuple(found))


def _size(place: Path) -> int:
    try:
        return place.stat().st_size
    except OSError:
        return 0


def _in_cache(link: Path) -> Path | None:
    """The bytes behind a link of a Hugging Face snapshot: ``snapshots/COMMIT/…`` into ``blobs`` of the same repository.

    https://huggingface.co/docs/huggingface_hub/guides/manage-cache. No other link is followed.
    """
    folder = Path(os.path.normpath(link.absolute())).parent
    for above in folder.parents:
        if above.name != "snapshots":
            continue
        blobs = above.parent / "blobs"
        target = Path(os.path.normpath(folder / link.readlink()))
        plain = target.parent == blobs and not blobs.is_symlink() and not target.is_symlink()
        return target if plain and target.is_file() else None
    return None


def _entry(place: Path) -> Path | str:
    if not place.is_symlink():
        return place
    try:
        return _in_cache(place) or "a symbolic link, which is not followed"
    except OSError as exc:
        return f"it cannot be read: {exc.strerror or exc}"


def _walk(folder: Path) -> Iterator[tuple[str, Path | str]]:
    """The files below a folder in the order of their paths; or why there is none to open."""
    waiting: list[tuple[str, Path]] = [("", folder)]
    found: list[tuple[str, Path | str]] = []
    while waiting:
        prefix, place = waiting.pop()
        try:
            entries = list(os.scandir(place))
        except OSError as exc:
            found.append((prefix or ".", f"it cannot be read: {exc.strerror or exc}"))
            continue
        for entry in entries:
            inner = f"{prefix}/{entry.name}" if prefix else entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append((inner, Path(entry.path)))
            else:
                found.append((inner, _entry(Path(entry.path))))
    yield from sorted(found, key=lambda one: one[0])


def size_below(path: Path) -> int:
    """How many bytes a scan of a file or a folder reads at most."""
    found = [("", path)] if not path.is_dir() else list(_walk(path))
    return sum(one.stat().st_size for _, one in found if isinstance(one, Path) and one.is_file())


def scan_path(
    path: Path,
    others: Sequence[Scanner] = (),
    done: Callable[[int], None] = _nothing,
    called: str | None = None,
) -> Scan:
    """Scan a file or all files of a folder. What cannot be read is a finding.

    In a snapshot of Hugging Face's cache the links to its own ``blobs`` are followed.

    Args:
        path: The file or folder.
        others: Scanners of other packages that look too; see ``plugins``.
        done: Is given the size in bytes of each file that was scanned.
        called: What stands before the paths of the files of a folder, or for the file; by default nothing, or its name.

    Raises:
        FileNotFoundError: There is no such file.
    """
    if not os.path.lexists(path):
        raise FileNotFoundError(path)
    if not path.is_dir():
        return scan_files([(called or path.name, path)], others, done)
    before = f"{called.rstrip('/')}/" if called else ""
    found: list[Scanned] = []
    for inner, place in _walk(path):
        if isinstance(place, str):
            found.append(_unread(f"{before}{inner}", place))
        else:
            found += scan_files([(f"{before}{inner}", place)], others, done).files
    return Scan(tuple(found))
