"""A scan of files on disk: each is opened for reading, and nothing in it is run."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final, Literal, NamedTuple

from registry_tool.artifacts.disk import on_disk
from registry_tool.artifacts.folders import walk
from registry_tool.errors import NotFound, UsageError
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


def _scan_file(place: Path, path: str) -> Scanned:
    with on_disk(f"{place} cannot be read"):
        # A pipe would be waited for.
        handle = os.open(place, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb", buffering=0) as file:
            info = os.fstat(handle)
            if not stat.S_ISREG(info.st_mode):
                raise UsageError(f"{place} is neither a file nor a folder")
            return _scan_open(file, info.st_size, path)


def scan_files(files: Iterable[tuple[str, Path]]) -> Scan:
    """Scan some files.

    Args:
        files: The path of each inside its artifact, and where it lies.

    Raises:
        EnvironmentTrouble: One cannot be read.
    """
    return Scan(tuple(_scan_file(place, path) for path, place in files))


def scan_path(path: Path) -> Scan:
    """Scan a file or all files of a folder.

    Raises:
        NotFound: There is no such file.
        UsageError: It is neither; or the folder holds links or special files, which no artifact can hold.
        EnvironmentTrouble: It cannot be read.
    """
    if not os.path.lexists(path):
        raise NotFound(f"there is no file {path}")
    if not path.is_dir():
        return scan_files([(path.name, path)])
    return scan_files((inner, path / inner) for inner, _ in walk(path))
