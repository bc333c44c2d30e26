"""``registry serve`` with short patience, so that tests of slow clients do not take minutes; else the same program.

Run as a program. ``PATIENCE`` has its seconds, 1 by default. A file named by ``CLOCK_OFFSET`` holds the seconds that this process's clock is ahead of the true one.
"""

from __future__ import annotations

import os
import time
from dataclasses import fields
from pathlib import Path
from typing import Final

from registry_tool.access import issuer_keys
from registry_tool.server.http import connections
from registry_tool.server.http.connections import BoundedConnection
from registry_tool.server.limits import Limits

_PATIENCE: Final = float(os.environ.get("PATIENCE", "1"))


def _shorten() -> None:
    short = {"body_seconds": _PATIENCE, "idle_seconds": _PATIENCE}
    values = tuple(short.get(field.name, field.default) for field in fields(Limits))
    Limits.__init__.__defaults__ = values
    issuer_keys._PAUSE = _PATIENCE  # type: ignore[misc]  # for this process
    BoundedConnection.head_seconds = _PATIENCE
    BoundedConnection.write_seconds = _PATIENCE
    connections._LINGER_SECONDS = 0.5  # type: ignore[misc]  # for this process


def _move_clock(place: Path) -> None:
    true_ns, true = time.time_ns, time.time

    def offset() -> int:
        return int(place.read_text() or "0")

    time.time_ns = lambda: true_ns() + offset() * 1_000_000_000
    time.time = lambda: true() + offset()


if __name__ == "__main__":
    _shorten()
    if given := os.environ.get("CLOCK_OFFSET"):
        _move_clock(Path(given))
    from registry_tool.cli.fast_path import main

    main()
