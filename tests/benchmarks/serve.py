"""`registry serve` against `mlflow server`: ``python tests/benchmarks/serve.py --versions 10000``.

The same requests of MLflow's protocol over HTTP with keep-alive go to both servers, in turns, on this machine: MLflow with
SQLite and one worker, which is its fastest on two cores. Each row gives medians over rounds with their spread, the ratio
taken within each round, the goal, and the processor time of each server for an answer, which says more than times do where
other programs are running: all their processes and threads count, waiting does not. The peer's environment is made by ``python tests/support/wire_clients.py
mlflow-server``; without it, ours is measured alone (``--no-peer`` as well). ``--versions 10000,100000`` compares sizes.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.corpus import CORPORA
from benchmarks.machine import described, load, load_words
from benchmarks.serve_load import (
    Call,
    Calls,
    Connection,
    background_load,
    get,
    make_fresh,
    parse_object,
    run_load,
    send,
)
from benchmarks.serve_peers import (
    Running,
    count_models,
    dotted_name,
    labelled_corpus,
    mlflow_server,
    our_server,
    push_alias,
)

from registry_tool.manifests.problems import JSON

_MLFLOW: Final = "/api/2.0/mlflow"
_VERSION: Final = f"{_MLFLOW}/model-versions"
_MODEL: Final = f"{_MLFLOW}/registered-models"
_STEP: Final = 7919  # a prime: neighbours in time are not neighbours in the registry


class Options(NamedTuple):
    """How to measure.

    Attributes:
        seconds: Of one load.
        rounds: How often each server is measured, in turns.
        only: Words of the rows that are measured; none for all.
        fresh: No two requests that read are the same, so that no server answers from a memory of answers.
    """

    seconds: float
    rounds: int
    only: Sequence[str]
    fresh: bool = False


class Row(NamedTuple):
    """A row of the table.

    Attributes:
        title: What is done.
        goal: Of the ratio ours / peer's.
        at_least: True where the ratio must reach the goal, False where it must stay below.
        calls: The requests.
        clients: How many ask at once.
        is_time: The figure is the median time in ms, not requests a second.
    """

    title: str
    goal: float
    at_least: bool
    calls: Calls
    clients: int = 8
    is_time: bool = False


class Requests(NamedTuple):
    """The requests of the rows, over the models of a corpus.

    Attributes:
        models: How many there are.
    """

    models: int

    def name(self, number: int) -> str:
        """The model of a request."""
        return dotted_name(number * _STEP % self.models)

    def by_alias(self, number: int) -> Call:
        """The version that an alias names."""
        return get(f"{_MODEL}/alias", name=self.name(number), alias="production")

    def version(self, number: int) -> Call:
        """A version by number."""
        return get(f"{_VERSION}/get", name=self.name(number), version=str(number % 10 + 1))

    def model(self, number: int) -> Call:
        """A model."""
        return get(f"{_MODEL}/get", name=self.name(number))

    def versions(self, number: int) -> Call:
        """The versions of one model."""
        return get(f"{_VERSION}/search", filter=f"name='{self.name(number)}'", max_results=100)

    def create(self, number: int) -> Call:
        """Add a version."""
        return send(
            "POST", f"{_VERSION}/create",
            name=self.name(number), source=f"s3://bucket/{number}", description=f"Run {number}.",
        )  # fmt: skip

    def put(self, number: int) -> Call:
        """Put a manifest of TrueFoundry's protocol."""
        source: JSON = {"type": "external", "uri": f"s3://bucket/put/{number}"}
        manifest: JSON = {
            "type": "model-version", "name": f"put-{number % 100}", "ml_repo": "benchmark", "metadata": {"run": number},
            "source": source, "description": f"Run {number}.", "framework": {"type": "onnx"},
        }  # fmt: skip
        return send("PUT", "/api/svc/v1/model-versions", manifest=manifest)

    def alias(self, number: int) -> Call:
        """Move an alias to another version than in the round before: setting what is set already writes nothing."""
        start = 3 * (number // 1_000_000)
        version = str((number // self.models + start) % 10 + 1)
        return send(
            "POST", f"{_MODEL}/alias", name=self.name(number), alias="champion", version=version
        )

    def tag(self, number: int) -> Call:
        """Set a tag of a version."""
        return send(
            "POST", f"{_VERSION}/set-tag",
            name=self.name(number), version="1", key="reviewed", value=str(number),
        )  # fmt: skip


def _tagged(_: int) -> Call:
    return get(f"{_VERSION}/search", filter="tags.edge='yes'", max_results=100)


def _models(_: int) -> Call:
    return get(f"{_MODEL}/search", max_results=100)


def list_rows(ask: Requests) -> Iterator[Row]:
    """The rows that both servers are measured on."""
    reads: tuple[tuple[str, Calls], ...] = (
        ("get version by alias", ask.by_alias),
        ("get version", ask.version),
        ("get model", ask.model),
    )
    searches: tuple[tuple[str, Calls], ...] = (
        ("search versions of one model", ask.versions),
        ("search versions by tag over all, first 100", _tagged),
        ("search models, first 100", _models),
    )
    for title, calls in reads:
        yield Row(f"{title}: requests/s, 8 clients", 10, True, calls)
    for title, calls in reads:
        yield Row(f"{title}: ms, 1 client", 1 / 8, False, calls, 1, True)
    for title, calls in searches:
        yield Row(f"{title}: requests/s, 8 clients", 15, True, calls)
    yield Row("create version, many models: per second, 8 clients", 2, True, ask.create)
    yield Row("create version: ms, 1 client", 1, False, ask.create, 1, True)
    yield Row("set alias: per second, 8 clients", 3, True, ask.alias)
    yield Row("set tag: per second, 8 clients", 3, True, ask.tag)


class Measured(NamedTuple):
    """One figure by round, of ours and of the peer.

    Attributes:
        ours: Of ours.
        peer: Of the peer; empty where it was not measured.
        failures: The answers that were errors.
        ours_cpu: Milliseconds of processor time that an answer took.
        peer_cpu: Likewise.
    """

    ours: Sequence[float]
    peer: Sequence[float]
    failures: Sequence[str] = ()
    ours_cpu: Sequence[float] = ()
    peer_cpu: Sequence[float] = ()


def measure_row(row: Row, servers: Sequence[Running], options: Options) -> Measured:
    """Each server in turns; the one that begins changes from round to round."""
    found: list[list[float]] = [[] for _ in servers]
    cpu: list[list[float]] = [[] for _ in servers]
    failures: list[str] = []
    for turn in range(options.rounds):
        order = list(enumerate(servers))
        for number, server in order if turn % 2 == 0 else reversed(order):
            first = (turn + 1) * 1_000_000
            spent = server.cpu_seconds
            done = run_load(
                server.url, make_fresh(row.calls) if options.fresh else row.calls,
                clients=row.clients, seconds=options.seconds, first=first,
            )  # fmt: skip
            cpu[number].append((server.cpu_seconds - spent) * 1e3 / max(done.answers, 1))
            found[number].append(done.median if row.is_time else done.per_second)
            who = "ours" if number == 0 else "peer"
            failures += [f"{who}: {count} x {what}" for what, count in done.failures.items()]
    return _by_server(found, cpu, failures)


def _by_server(
    found: Sequence[Sequence[float]], cpu: Sequence[Sequence[float]], failures: Sequence[str] = ()
) -> Measured:
    """The figures of one server or of both."""
    if len(found) == 1:
        return Measured(found[0], [], failures, cpu[0])
    return Measured(found[0], found[1], failures, cpu[0], cpu[1])


def _page_times(url: str, size: int, most: int, nonce: str = "") -> list[float]:
    """The times of the pages of all versions from the first on, in ms.

    Args:
        url: The server.
        size: Of a page.
        most: How many pages at most.
        nonce: A value that no earlier walk had, where no answer may come from a memory of answers.
    """
    connection, token, times = Connection(url), "", []
    for _ in range(most):
        began = time.perf_counter()
        more = {**({"page_token": token} if token else {}), **({"nonce": nonce} if nonce else {})}
        _, body = connection.answer(get(f"{_VERSION}/search", max_results=size, **more))
        times.append((time.perf_counter() - began) * 1e3)
        token = str(parse_object(body).get("next_page_token") or "")
        if not token:
            break
    connection.close()
    return times


def measure_pages(servers: Sequence[Running], options: Options) -> Measured:
    """All versions in pages of 1,000, ten of them."""
    found: list[list[float]] = [[] for _ in servers]
    cpu: list[list[float]] = [[] for _ in servers]
    for turn in range(options.rounds):
        for number, server in enumerate(servers):
            spent = server.cpu_seconds
            times = _page_times(server.url, 1000, 10, f"p{turn}" if options.fresh else "")
            found[number].append(statistics.median(times))
            cpu[number].append((server.cpu_seconds - spent) * 1e3 / len(times))
    return _by_server(found, cpu)


def measure_last_page(ours: Running, versions: int, options: Options) -> Measured:
    """Milliseconds of the last of a hundred pages, and (as the peer) of the first; the fastest of a few of each."""
    last, first = [], []
    for turn in range(options.rounds):
        size = max(1, versions // 100)
        walks = [_page_times(ours.url, size, 100, f"w{turn}-{walk}") for walk in range(3)]
        first.append(min(times[0] for times in walks))
        last.append(min(times[-1] for times in walks))
    return Measured(last, first)


def measure_reads_among_writes(ours: Running, ask: Requests, options: Options) -> Measured:
    """Requests a second by alias, while 8 clients write, and (as the peer) alone."""
    busy, alone = [], []
    for turn in range(options.rounds):
        alone.append(run_load(ours.url, ask.by_alias, seconds=options.seconds).per_second)
        with background_load(ours.url, ask.create, first=(turn + 50) * 1_000_000):
            busy.append(run_load(ours.url, ask.by_alias, seconds=options.seconds).per_second)
    return Measured(busy, alone)


def measure_puts(ours: Running, peer: Running, ask: Requests, options: Options) -> Measured:
    """Milliseconds of a PUT of a manifest, and (as the peer) of creating a version through MLflow's protocol there."""
    found: tuple[list[float], list[float]] = [], []
    cpu: tuple[list[float], list[float]] = [], []
    failures: list[str] = []
    run_load(
        ours.url, ask.put, clients=1, seconds=1
    )  # the first write of a protocol imports what it needs
    for turn in range(options.rounds):
        for number, (server, calls) in enumerate(((ours, ask.put), (peer, ask.create))):
            spent, first = server.cpu_seconds, (turn + 80) * 1_000_000
            done = run_load(server.url, calls, clients=1, seconds=options.seconds, first=first)
            found[number].append(done.median)
            cpu[number].append((server.cpu_seconds - spent) * 1e3 / max(done.answers, 1))
            failures += [f"{count} x {what}" for what, count in done.failures.items()]
    return Measured(*found, failures, *cpu)


def measure_pushes(ours: Running, repository: Path, options: Options) -> Measured:
    """Milliseconds until an alias that somebody pushed is served."""
    connection, found = Connection(ours.url), []
    for number in range(options.rounds * 3):
        alias = push_alias(repository, int(time.time() * 1000) + number)
        began = time.perf_counter()
        call = get(f"{_MODEL}/alias", name=dotted_name(0), alias=alias)
        while connection.answer(call)[0] != 200 and time.perf_counter() - began < 30:
            time.sleep(0.005)
        found.append((time.perf_counter() - began) * 1e3)
    connection.close()
    return Measured(found, [])


def measure_unchanged(ours: Running, options: Options) -> Measured:
    """Milliseconds of a 304 for a list of 10,000 versions, and (as the peer) of a 404."""
    connection = Connection(ours.url)
    whole = get(f"{_VERSION}/search", max_results=10_000)
    etag = connection.header(whole, "ETag")
    connection.close()
    unchanged = whole._replace(headers={"If-None-Match": etag})
    missing = get(f"{_MODEL}/get", name="no-such-model")
    found: tuple[list[float], list[float]] = [], []
    for _ in range(options.rounds):
        for call, times in ((unchanged, found[0]), (missing, found[1])):
            connection = Connection(ours.url)
            spent = []
            for _ in range(200):
                began = time.perf_counter()
                status, _ = connection.answer(call)
                spent.append(time.perf_counter() - began)
                if status != (304 if call is unchanged else 404):
                    return Measured([float("nan")], [], [f"{status} instead of 304 or 404"])
            times.append(statistics.median(spent) * 1e3)
            connection.close()
    return Measured(*found)


def measure_starts(repository: Path, place: Path, options: Options) -> Measured:
    """Seconds from the start to the first answer, and (as the peer) of ``python -c pass``."""
    starts, empty, cpu, empty_cpu = [], [], [], []
    for _ in range(options.rounds):
        began, spent = time.perf_counter(), _children_cpu()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        empty.append(time.perf_counter() - began)
        empty_cpu.append((_children_cpu() - spent) * 1e3)
        with our_server(repository, place) as running:
            cpu.append(running.cpu_seconds * 1e3)
            starts.append(running.seconds)
    return Measured(starts, empty, (), cpu, empty_cpu)


def _children_cpu() -> float:
    """The processor time of the processes that have ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _words(values: Sequence[float]) -> str:
    if not values:
        return ""
    low, middle, high = min(values), statistics.median(values), max(values)
    return (
        f"{middle:,.3g} ({low:,.3g}-{high:,.3g})"
        if middle < 100
        else f"{middle:,.0f} ({low:,.0f}-{high:,.0f})"
    )


def print_row(
    title: str, found: Measured, goal: float, *, at_least: bool, enough: float | None = None
) -> None:
    """One line of the table: figures, ratio within each round, goal, whether it is met, processor times and their ratio.

    Args:
        title: What was measured.
        found: The figures.
        goal: Of the ratio.
        at_least: True where the ratio must reach it.
        enough: A figure of ours that meets the goal whatever the ratio is.
    """
    ratios = [a / b for a, b in zip(found.ours, found.peer, strict=False) if b]
    middle = statistics.median(ratios) if ratios else float("nan")
    is_met = middle >= goal if at_least else middle <= goal
    is_met = is_met or (enough is not None and statistics.median(found.ours) <= enough)
    met = "" if not ratios else "yes" if is_met else "no"
    sign = f"{'≥' if at_least else '≤'} {goal:.3g}" + ("" if enough is None else f" or {enough:g}")
    less = [b / a for a, b in zip(found.ours_cpu, found.peer_cpu, strict=False) if a]
    cells = [
        title, _words(found.ours), _words(found.peer), _words(ratios), sign, met,
        _words(found.ours_cpu), _words(found.peer_cpu), _words(less),
    ]  # fmt: skip
    print(f"| {' | '.join(cells)} |", flush=True)
    for line in sorted(set(found.failures))[:4]:
        print(f"  {line}", file=sys.stderr)


def _warm_up(servers: Sequence[Running], ask: Requests) -> None:
    """One write and one read of each server: what a server imports for its first write is no part of a row."""
    for server in servers:
        connection = Connection(server.url)
        for call in (ask.tag(0), ask.model(0)):
            connection.answer(call)
        connection.close()


def measure(corpus: Path, versions: int, place: Path, options: Options, *, peer: bool) -> None:
    """Measure everything at one size and print it."""
    repository = place / "registry.git"
    ask = Requests(count_models(versions))
    shutil.copytree(corpus, repository)

    def wanted(title: str) -> bool:
        return not options.only or any(word in title for word in options.only)

    print(
        f"\n{versions:,} versions\n\n"
        "| work | ours | peer | ratio | goal | met | CPU ms an answer | peer's | times less |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    )
    with ExitStack() as stack:
        servers = [stack.enter_context(our_server(repository, place))]
        cold = servers[0].seconds
        memory = servers[0].megabytes
        if peer:
            servers.append(stack.enter_context(mlflow_server(place, versions)))
        rows: list[tuple[str, Callable[[], Measured], float, bool]] = [
            (row.title, lambda row=row: measure_row(row, servers, options), row.goal, row.at_least)  # type: ignore[misc]
            for row in list_rows(ask)
        ]
        ours = servers[0]
        _warm_up(servers, ask)
        rows += [
            (
                "all versions in pages of 1,000: ms a page",
                lambda: measure_pages(servers, options),
                1 / 20,
                False,
            ),
            (
                "page 100 of 100: ms (peer: page 1)",
                lambda: measure_last_page(ours, versions, options),
                1.2,
                False,
            ),
            (
                "reads/s while 8 clients write (peer: alone)",
                lambda: measure_reads_among_writes(ours, ask, options),
                0.5,
                True,
            ),
            (
                "304 for a list of 10,000: ms (peer: a 404)",
                lambda: measure_unchanged(ours, options),
                1.2,
                False,
            ),
            (
                "TrueFoundry: put a manifest: ms (peer: create a version)",
                lambda: measure_puts(ours, servers[-1], ask, options),
                1,
                False,
            ),
            (
                "a push until it is served: ms",
                lambda: measure_pushes(ours, repository, options),
                1000,
                False,
            ),
        ]
        for title, work, goal, at_least in rows:
            if wanted(title):
                print_row(title, work(), goal, at_least=at_least)
        after = ours.megabytes
    if wanted("start"):
        starts = measure_starts(repository, place, options)
        print_row(
            "start to first answer, warm: s (peer: python -c pass)",
            starts,
            20 if versions <= 10_000 else 60,
            at_least=False,
            enough=1 if versions <= 10_000 else 3,
        )
    print(
        f"\ncold start to the first answer: {cold:.1f} s; memory {memory} MB, after the load {after} MB"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", default="10000", help="sizes, comma-separated")
    parser.add_argument("--corpora", type=Path, default=CORPORA)
    parser.add_argument("--seconds", type=float, default=3.0, help="of one load")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", default=[], help="a word of a row; repeatable")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--fresh", action="store_true", help="no two requests are the same")
    chosen = parser.parse_args()
    chosen.corpora.mkdir(parents=True, exist_ok=True)
    options = Options(chosen.seconds, chosen.rounds, chosen.only, chosen.fresh)
    loads = [load()]
    print(", ".join(f"{key} {value}" for key, value in described().items()))
    for size in map(int, chosen.versions.split(",")):
        corpus = labelled_corpus(chosen.corpora, size)
        with tempfile.TemporaryDirectory() as folder:
            measure(corpus, size, Path(folder), options, peer=not chosen.no_peer)
        loads.append(load())
    print(f"\n{load_words(loads)}")


if __name__ == "__main__":
    main()
