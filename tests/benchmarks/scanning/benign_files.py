"""Writes the benign set: every object of ``benign_objects`` as each pickler writes it: ``python benign_files.py DIR``."""

from __future__ import annotations

import importlib
import io
import pickle
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benign_objects import benign_objects


def _picklers() -> Iterator[tuple[str, Callable[[Any], bytes]]]:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield f"p{protocol}", partial(pickle.dumps, protocol=protocol)
    for name in ("cloudpickle", "dill"):
        try:
            package = importlib.import_module(name)
        except ImportError:
            print(f"{name} is not installed: without its files")
            continue
        yield name, package.dumps
    try:
        import joblib
    except ImportError:
        print("joblib is not installed: without its files")
        return

    def dumped(made: Any, compress: int) -> bytes:
        into = io.BytesIO()
        joblib.dump(made, into, compress=compress)
        return into.getvalue()

    yield "joblib", lambda made: dumped(made, 0)
    yield "joblib-packed", lambda made: dumped(made, 3)


def main(folder: Path) -> None:
    warnings.simplefilter("ignore")
    folder.mkdir(parents=True, exist_ok=True)
    picklers, count = list(_picklers()), 0
    for name, make in benign_objects():
        try:
            made = make()
        except TypeError as exc:
            print(f"left out: {name}: {exc}")
            continue
        for kind, dump in picklers:
            try:
                data = dump(made)
            except TypeError:  # an old protocol cannot say it
                continue
            (folder / f"{name}.{kind}.pkl").write_bytes(data)
            count += 1
    print(f"{count} benign files")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
