"""Runs one scanner over folders, in an interpreter in which it is installed, and prints what it calls malicious.

``python peer_run.py NAME FOLDER...`` prints one JSON object: ``flagged`` (paths), ``seconds`` of computing, ``peak`` in
MiB, ``version``, and ``tables``: the names that the scanner's own table lists, where it publishes one.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import json
import logging
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path


def _ours() -> Callable[[str], bool]:
    from registry_tool.scanning.scan import scan_path

    return lambda path: scan_path(Path(path)).verdict == "fail"


def _picklescan() -> Callable[[str], bool]:
    from picklescan.scanner import scan_file_path

    return lambda path: bool(scan_file_path(path).issues_count > 0)


def _modelscan() -> Callable[[str], bool]:
    from modelscan.modelscan import ModelScan

    scanner = ModelScan()
    return lambda path: bool(scanner.scan(path)["summary"]["total_issues"] > 0)


def _fickling() -> Callable[[str], bool]:
    from fickling.analysis import Severity, check_safety
    from fickling.fickle import Pickled

    def flagged(path: str) -> bool:
        with Path(path).open("rb") as file:
            return bool(check_safety(Pickled.load(file)).severity > Severity.POSSIBLY_UNSAFE)

    return flagged


def _modelaudit() -> Callable[[str], bool]:
    from modelaudit.core import scan_file

    return lambda path: any(issue.severity.value == "critical" for issue in scan_file(path).issues)


def _table(name: str) -> list[str]:
    if name == "picklescan":
        from picklescan.scanner import _unsafe_globals as found
    elif name == "modelscan":
        from modelscan.settings import DEFAULT_SETTINGS

        levels = DEFAULT_SETTINGS["unsafe_globals"].values()
        found = {module: names for level in levels for module, names in level.items()}
    elif name == "fickling":
        from fickling.fickle import UNSAFE_IMPORTS

        found = dict.fromkeys(UNSAFE_IMPORTS, "*")
    else:
        return []
    return sorted(
        f"{module}:{name}" for module, names in found.items() for name in ([names] if isinstance(names, str) else names)
    )  # fmt: skip


PEERS = {
    "registry-tool": _ours, "picklescan": _picklescan, "modelscan": _modelscan, "fickling": _fickling,
    "modelaudit": _modelaudit,
}  # fmt: skip


def main(name: str, folders: list[str]) -> None:
    logging.disable(logging.CRITICAL)
    tables, flags, flagged, failed = _table(name), PEERS[name](), [], 0
    files = sorted(
        str(path) for folder in folders for path in Path(folder).rglob("*") if path.is_file()
    )
    before = time.process_time()
    for path in files:
        try:
            with (
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                if flags(path):
                    flagged.append(path)
        except Exception:  # noqa: BLE001 (a peer that breaks on a file has not called it malicious)
            failed += 1
    seconds = time.process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    version = importlib.metadata.version(name)
    print(
        json.dumps(
            {
                "flagged": flagged,
                "failed": failed,
                "seconds": seconds,
                "peak": peak,
                "version": version,
                "tables": tables,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
