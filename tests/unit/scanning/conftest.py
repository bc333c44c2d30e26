"""Scans of bytes, as if they were a file of some name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from registry_tool.scanning.report import Scanned
from registry_tool.scanning.scan import scan_path


@pytest.fixture
def scan(tmp_path: Path) -> Callable[[bytes, str], Scanned]:
    """Scans bytes: ``scan(data, "model.pkl")``."""

    def scanned(data: bytes, name: str) -> Scanned:
        place = tmp_path / name
        place.write_bytes(data)
        (found,) = scan_path(place).files
        return found

    return scanned
