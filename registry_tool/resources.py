"""Data files that travel with the package: schemas, hooks, templates.

In a wheel they lie under ``registry_tool/_data``; in a checkout at the top level, where people read and edit them.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["resource", "resource_text"]

_PACKAGE = Path(__file__).parent
_ROOTS = (_PACKAGE / "_data", _PACKAGE.parent)


def resource(name: str) -> Path:
    """The path of a data file or folder, such as ``schemas/tag/v1.schema.json``.

    Raises:
        FileNotFoundError: The installation is incomplete.
    """
    for root in _ROOTS:
        path = root / name
        if path.exists():
            return path
    raise FileNotFoundError(f"{name} is missing from this installation of registry-tool")


def resource_text(name: str) -> str:
    """The text of a data file."""
    return resource(name).read_text(encoding="utf-8")
