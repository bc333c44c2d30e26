"""The machine that measures: what it is, and how busy it was meanwhile."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from pathlib import Path

__all__ = ["described", "load", "load_words"]

_CPU = Path("/proc/cpuinfo")
_MEMORY = Path("/proc/meminfo")


def load() -> float:
    """How many processes wanted to run, over the last minute."""
    return round(os.getloadavg()[0], 1)


def _field(place: Path, name: str) -> str:
    try:
        lines = place.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "")


def described() -> dict[str, str]:
    """Kind of processor, cores, memory, system and Python, by name."""
    memory = _field(_MEMORY, "MemTotal").split()
    return {
        "processor": _field(_CPU, "model name") or platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{int(memory[0]) // 1_000_000} GB" if memory else "",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def load_words(loads: Iterable[float]) -> str:
    """The loads that were seen, for people."""
    seen = sorted(loads)
    cores = os.cpu_count() or 1
    busy = "" if seen[-1] <= cores else f"; more than {cores} means that programs waited"
    return f"load {seen[0]:.1f} to {seen[-1]:.1f} on {cores} cores{busy}"
