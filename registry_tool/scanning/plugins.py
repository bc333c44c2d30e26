"""Scanners of others: packages that declare an entry point in the group ``registry_tool.scanners``.

An entry point names an object with ``name``, ``version`` and ``scan``; or something that gives one when it is called
without arguments. What it finds stands among our findings under its name, and evidence of a scan is written for each
scanner, so a gate can require one: ``{evidence: scan, tool: picklescan, verdict: pass}``.

    # pyproject.toml of such a package
    [project.entry-points."registry_tool.scanners"]
    picklescan = "acme_scanners:Picklescan"
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from registry_tool.scanning.report import LEVELS, Finding, Report

__all__ = ["GROUP", "Scanner", "installed_scanners", "scan_with"]

GROUP: Final = "registry_tool.scanners"
# More of one file than this says nothing more.
_MOST: Final = 100


@runtime_checkable
class Scanner(Protocol):
    """A scanner of another package.

    Attributes:
        name: Its short name, as gates and evidence say it: ``picklescan``.
        version: The version of its package.
    """

    name: str
    version: str

    def scan(self, path: Path) -> Iterable[tuple[str, str]]:
        """Scan one file, without loading it.

        Args:
            path: The file. Its name is that of the artifact's file.

        Returns:
            Pairs of a level (``dangerous``, ``unknown``, ``unread`` or ``unsafe``) and a sentence.
        """
        ...


class _Broken:
    """Stands for a scanner that cannot be used: every file is unread by it."""

    version = ""

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self._why = why

    def scan(self, _path: Path) -> Iterable[tuple[str, str]]:
        return [("unread", self._why)]


def _load(point: EntryPoint) -> Scanner:
    try:
        found = point.load()
        made = found() if isinstance(found, type) or not isinstance(found, Scanner) else found
    except Exception as exc:  # noqa: BLE001 (another package's code may raise anything)
        return _Broken(point.name, f"it cannot be loaded: {type(exc).__name__}: {exc}")
    if not isinstance(made, Scanner):
        return _Broken(point.name, "it lacks a name, a version or a method scan")
    return made


def installed_scanners() -> list[Scanner]:
    """The scanners of other packages that are installed, by name. One that cannot be loaded reports so for each file."""
    return [_load(point) for point in sorted(entry_points(group=GROUP), key=lambda one: one.name)]


@contextmanager
def _link_under_name(place: Path, name: str) -> Iterator[Path]:
    """The file under the name that it has in its artifact: many scanners go by the suffix."""
    if place.name == name:
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="registry-tool-scan-") as folder:
        link = Path(folder) / name
        link.symlink_to(place.absolute())
        yield link


def scan_with(scanner: Scanner, place: Path, path: str) -> list[Finding]:
    """What another scanner finds in a file; where it fails, that is a finding.

    Args:
        scanner: The scanner.
        place: Where the file lies.
        path: Its path in the artifact.
    """
    report = Report(scanner=scanner.name)
    try:
        with _link_under_name(place, path.rpartition("/")[2]) as named:
            for count, (level, message) in enumerate(scanner.scan(named)):
                if count == _MOST:
                    break
                known = next((one for one in LEVELS if one == level), None)
                report.add(known or "unread", path, message if known else f"{level}: {message}")
    except Exception as exc:  # noqa: BLE001 (another package's code may raise anything)
        report.add("unread", path, f"it failed: {type(exc).__name__}: {exc}")
    return report.findings
