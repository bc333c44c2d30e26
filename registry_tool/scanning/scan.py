"""A scan of files on disk: each is opened for reading, and nothing in it is run."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, Literal, NamedTuple

from registry_tool.scanning.formats import look_at
from registry_tool.scanning.look import Look
from registry_tool.scanning.report import Finding, Report, Scanned, verdict_of
from registry_tool.scanning.stream import Stream
from registry_tool.scanning.zips import ends_as_zip, scan_zip

__all__ = ["Scan", "scan_files", "scan_path"]

# The last member of a tar file may be a zip file.
_MAY_END_AS_ZIP: Final = frozenset({"zip", "torch", "torchscript", "npz", "keras", "tar"})


class Scan(NamedTuple):
    """What was found in an artifact.

    Attributes:
        files: Each file.
    """

    files: tuple[Scanned, ...]

    @property
    def findings(self) -> list[Finding]:
        """All findings."""
        return [finding for file in self.files for finding in file.findings]

    @property
    def verdict(self) -> Literal["pass", "fail"]:
        """See ``report.verdict_of``."""
        return verdict_of(self.findings)


def _scan_open(file: BinaryIO, size: int, path: str) -> Scanned:
    report = Report(size=size)
    look_at(Look(Stream.of(file, size), path, report, 0, look_at))
    # What begins as something else may end as a zip file: readers of zip look at the end.
    if report.facts.get("format") not in _MAY_END_AS_ZIP and ends_as_zip(file, size):
        file.seek(0)
        report.add("dangerous", path, f"it is {report.facts.get('format')}, and a zip file too")
        scan_zip(Look(Stream.of(file, size), path, report, 0, look_at, told=False))
    return report.result(path)


def _unread(path: str, why: str) -> Scanned:
    report = Report()
    report.add("unread", path, why)
    report.facts["format"] = "unknown"
    return report.result(path)


def _scan_file(place: Path, path: str) -> Scanned:
    try:
        # A pipe would be waited for.
        handle = os.open(place, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb", buffering=0) as file:
            info = os.fstat(handle)
            if not stat.S_ISREG(info.st_mode):
                return _unread(path, "it is neither a file nor a folder")
            return _scan_open(file, info.st_size, path)
    except OSError as exc:
        return _unread(path, f"it cannot be read: {exc.strerror or exc}")


def scan_files(files: Iterable[tuple[str, Path]]) -> Scan:
    """Scan some files. One that cannot be read is a finding.

    Args:
        files: The path of each inside its artifact, and where it lies.
    """
    return Scan(tuple(_scan_file(place, path) for path, place in files))


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, Path | str]]:
    """The files below a folder in the order of their paths; or why there is none to open."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as exc:
        yield prefix or ".", f"it cannot be read: {exc.strerror or exc}"
        return
    for entry in entries:
        inner = f"{prefix}/{entry.name}" if prefix else entry.name
        if entry.is_symlink():
            yield inner, "a symbolic link, which is not followed"
        elif entry.is_dir():
            yield from _walk(Path(entry.path), inner)
        else:
            yield inner, Path(entry.path)


def scan_path(path: Path) -> Scan:
    """Scan a file or all files of a folder. What cannot be read is a finding.

    Raises:
        FileNotFoundError: There is no such file.
    """
    if not os.path.lexists(path):
        raise FileNotFoundError(path)
    if not path.is_dir():
        return scan_files([(path.name, path)])
    return Scan(
        tuple(
            _unread(inner, place) if isinstance(place, str) else _scan_file(place, inner)
            for inner, place in _walk(path, "")
        )
    )
