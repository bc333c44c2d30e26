"""A scan of files on disk: each is opened for reading, and nothing in it is run."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, Literal, NamedTuple

from registry_tool.scanning.formats import look_at
from registry_tool.scanning.look import Look
from registry_tool.scanning.plugins import Scanner, scan_with
from registry_tool.scanning.report import Finding, Level, Report, Scanned, verdict_of
from registry_tool.scanning.stream import Stream
from registry_tool.scanning.zips import ends_as_zip, scan_zip

__all__ = ["Scan", "scan_files", "scan_path"]

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
        """See ``report.verdict_of``."""
        return verdict_of(self.findings, self.accepted)

    def of(self, scanner: str) -> list[Finding]:
        """What one scanner found."""
        return [finding for finding in self.findings if finding.scanner == scanner]


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


def scan_files(files: Iterable[tuple[str, Path]], others: Sequence[Scanner] = ()) -> Scan:
    """Scan some files. One that cannot be read is a finding.

    Args:
        files: The path of each inside its artifact, and where it lies.
        others: Scanners of other packages that look too; see ``plugins``.
    """
    return Scan(tuple(_scan_by_all(place, path, others) for path, place in files))


def _scan_by_all(place: Path, path: str, others: Sequence[Scanner]) -> Scanned:
    found = _scan_file(place, path)
    if not others:
        return found
    more = [finding for scanner in others for finding in scan_with(scanner, place, path)]
    return found._replace(findings=(*found.findings, *more))


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
            if entry.is_symlink():
                found.append((inner, "a symbolic link, which is not followed"))
            elif entry.is_dir():
                waiting.append((inner, Path(entry.path)))
            else:
                found.append((inner, Path(entry.path)))
    yield from sorted(found, key=lambda one: one[0])


def scan_path(path: Path, others: Sequence[Scanner] = ()) -> Scan:
    """Scan a file or all files of a folder. What cannot be read is a finding.

    Args:
        path: The file or folder.
        others: Scanners of other packages that look too; see ``plugins``.

    Raises:
        FileNotFoundError: There is no such file.
    """
    if not os.path.lexists(path):
        raise FileNotFoundError(path)
    if not path.is_dir():
        return scan_files([(path.name, path)], others)
    return Scan(
        tuple(
            _unread(inner, place) if isinstance(place, str) else _scan_by_all(place, inner, others)
            for inner, place in _walk(path)
        )
    )
