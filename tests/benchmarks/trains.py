"""How many writes a second a writer publishes: ``python tests/benchmarks/trains.py DIR --versions 10000``.

A bare repository of the corpus; one and eight clients, each waiting for its answer, add versions and set aliases. Printed
are writes a second, the median time of one, and the processor time of one, which a loaded machine changes least.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.corpus import MODELS, make_corpus, model_name

from registry_tool.edits.aliases import set_alias
from registry_tool.edits.versions import VersionRecord, add_version
from registry_tool.git.repository import Repository
from registry_tool.names import ModelName, Reference
from registry_tool.writer.request import Person, WriteRequest
from registry_tool.writer.writer import Writer

_PERSON = Person("Bench", "bench@example.org")
_STRIDE = 7919  # a prime: neighbours in time are far apart in the registry
_NUMBERS = itertools.count(1)


def _model(number: int) -> ModelName:
    return ModelName.parse(model_name(number * _STRIDE % MODELS))


def _version(number: int) -> WriteRequest:
    record = VersionRecord(
        fields={
            "framework": {"type": "onnx"},
            "author": str(_PERSON),
            "parameters": {"lr": number},
        },
        artifacts=[{"name": "model", "uri": f"https://example.org/{number}", "role": "model"}],
    )
    return WriteRequest(add_version(_model(number), None, record), _PERSON, request_id=f"v{number}")


def _alias(number: int) -> WriteRequest:
    edit = set_alias(Reference(_model(number), "1"), f"bench-{number}")
    return WriteRequest(edit, _PERSON, request_id=f"a{number}")


def _measure(
    writer: Writer, make: Callable[[int], WriteRequest], clients: int, seconds: float
) -> str:
    times: list[float] = []
    end = time.perf_counter() + seconds

    def client() -> None:
        while time.perf_counter() < end:
            began = time.perf_counter()
            writer.submit(make(next(_NUMBERS))).result()
            times.append(time.perf_counter() - began)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    began, work = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = len(times) / (time.perf_counter() - began)
    work = (time.process_time() - work) / len(times) * 1000
    middle = statistics.median(times) * 1000
    return f"{rate:6.0f} a second, median {middle:5.1f} ms, processor {work:4.1f} ms"


def main() -> None:
    """Make the corpus and print a row for each kind of write and number of clients."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--versions", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=5)
    chosen = parser.parse_args()
    place = chosen.folder / "trains.git"
    make_corpus(place, versions=chosen.versions)
    repository = Repository.open(place)
    gc.set_threshold(100_000, 20, 20)  # as in every process of the command line
    with Writer(repository) as writer:
        _measure(writer, _version, 8, chosen.seconds)  # what is read once is read
        for make in (_version, _alias):
            for clients in (1, 8):
                row = _measure(writer, make, clients, chosen.seconds)
                print(f"{make.__name__[1:]:8} {clients} clients  {row}")
    repository.close()


if __name__ == "__main__":
    main()
