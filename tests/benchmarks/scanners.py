"""Scanners against each other: ``python tests/benchmarks/scanners.py --out DIR [--peer picklescan=PYTHON …]``.

The sets are built anew from the packages that are installed: objects that people pickle, by pickle in every protocol,
joblib, cloudpickle and dill; pickles that call the names of the peers' own tables and of public advisories; and files of
other formats in which data names code. For each
scanner the table says how many hostile files it finds, how many benign ones it flags, the seconds of computing and the
memory. A peer that needs an environment of its own is named with the interpreter to run it with; benign sets made by
other versions of the packages are added with ``--benign DIR``. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "scanning"
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from hostile_pickles import ADVISORIES, hostile_pickles  # noqa: E402
from support.code_naming_files import HARMLESS, HOSTILE  # noqa: E402

PEERS = ("picklescan", "modelscan", "fickling", "modelaudit")


def _run(python: str, name: str, *folders: Path) -> dict[str, Any]:
    command = [python, str(HERE / "peer_run.py"), name, *map(str, folders)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} did not run: {done.stderr.strip().splitlines()[-1]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _interpreters(given: list[str]) -> Iterator[tuple[str, str]]:
    named = dict(one.split("=", 1) for one in given)
    for name in PEERS:
        if name in named:
            yield name, named[name]
        elif importlib.util.find_spec(name):
            yield name, sys.executable
        else:
            print(f"{name}: not installed; --peer {name}=PYTHON names an interpreter that has it")


def _write(folder: Path, files: Iterator[tuple[str, bytes]]) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for name, data in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
        count += 1
    return count


def _naming() -> tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]]:
    """Files of other formats, hostile and benign; each in a folder of its own, since names say what files are."""
    hostile = [one for one in HOSTILE if one.level != "unsafe"]
    return (
        [(f"{at:03}/{one.name}", one.data) for at, one in enumerate(hostile)],
        [(f"{at:03}/{name}", data) for at, (name, data) in enumerate(HARMLESS)],
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument(
        "--objects", default=sys.executable, metavar="PYTHON", help="makes the benign set"
    )
    parser.add_argument("--benign", type=Path, action="append", default=[], metavar="DIR")
    asked = parser.parse_args()
    benign, hostile = asked.out / "benign", asked.out / "hostile"
    if not benign.exists():
        subprocess.run([asked.objects, str(HERE / "benign_files.py"), str(benign)], check=True)
    peers = dict(_interpreters(asked.peer))
    empty = asked.out / "empty"
    empty.mkdir(parents=True, exist_ok=True)
    names = {name for peer, python in peers.items() for name in _run(python, peer, empty)["tables"]}
    _write(hostile, hostile_pickles(sorted(names | set(ADVISORIES))))
    hostile_formats, benign_formats = _naming()
    _write(asked.out / "hostile-formats", iter(hostile_formats))
    _write(asked.out / "benign-formats", iter(benign_formats))
    hostile_sets = [hostile, asked.out / "hostile-formats"]
    benign_sets = [benign, asked.out / "benign-formats", *asked.benign]
    counted = [
        sum(1 for d in folders for p in d.rglob("*") if p.is_file())
        for folders in (hostile_sets, benign_sets)
    ]
    print(f"{counted[0]} hostile files, {counted[1]} benign files")
    print("| scanner | hostile found | benign flagged | broke | seconds | peak MiB |")
    print("| --- | --- | --- | --- | --- | --- |")
    results = {}
    for name, python in {"registry-tool": sys.executable, **peers}.items():
        bad, good = _run(python, name, *hostile_sets), _run(python, name, *benign_sets)
        results[name] = (bad, good)
        print(
            f"| {name} {bad['version']} | {len(bad['flagged'])} | {len(good['flagged'])} | {bad['failed'] + good['failed']}"
            f" | {bad['seconds'] + good['seconds']:.1f} | {max(bad['peak'], good['peak'])} |",
            flush=True,
        )
    ours = set(results["registry-tool"][0]["flagged"])
    missed = {
        p for name, (bad, _) in results.items() if name != "registry-tool" for p in bad["flagged"]
    } - ours
    for path in sorted(missed):
        print(f"found by a peer, and not here: {path}")
    for path in sorted(results["registry-tool"][1]["flagged"]):
        print(f"benign, and flagged here: {path}")


if __name__ == "__main__":
    main()
