"""What search in the browser costs: ``python tests/benchmarks/site_search.py --versions 100000``.

The search page of a registry is served with gzip on this machine and opened in Chromium. The program prints the bytes of all
that the page loads, the time until the first answer is shown, and the time of each query in a worker that has loaded
everything: the first time, and again. Each answer is compared with the answer of ``registry search``.
Corpora are made once and kept (``--corpora``). The suite runs it small (tests/benchmarks/test_site_search.py).
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple, cast
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.corpus import CORPORA, make_corpus
from benchmarks.machine import load, load_words
from playwright.sync_api import Page, expect
from support.browser import ChromiumProcess, measure_compressed, run_chromium, serve_folder
from support.searched_sites import ask_program, write_search_site

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.search.summary_cache import Rows
from registry_tool.git.repository import Repository

__all__ = ["QUERIES", "Costs", "QueryCost", "measure_search", "render_costs"]

QUERIES: Final = (
    "label:edge accuracy>=0.9",
    "accuracy>=0.9",
    "accuracy>=2",
    "accuracy!=0.9",
    "accuracy>=0.5 accuracy<0.9 f1>0.1",
    "label:gpu framework:pytorch",
    "alias:production framework:onnx",
    "alias:production",
    "tag:first",
    "state:deprecated",
    "state:active",
    "namespace:team-07 accuracy>=0.9",
    "training accuracy>=0",
    "run 4711 weekly label:edge",
    "quantized",
    "model-0042@7",
)
_AGAIN: Final = 9
# Before anything is timed, the worker loads all shards for another query, and reads columns ahead.
_ASK: Final = """async ([line, again]) => {
  const form = document.getElementById('query');
  const worker = new Worker(form.dataset.worker);
  const manifest = new URL(form.dataset.manifest, location.href).href;
  const isPrepared = new Promise(resolve => worker.addEventListener('message', ({data}) => data.prepared && resolve()));
  const ask = (line, versions, limit) => new Promise((resolve, reject) => {
    worker.onmessage = ({data}) => data.error ? reject(new Error(data.error)) : data.id === 0 && resolve(data);
    worker.postMessage({id: 0, manifest, line, versions, limit});
  });
  await ask('loads-everything', false, 50);
  await isPrepared;
  const spent = [];
  for (let n = 0; n <= again; n += 1) spent.push((await ask(line, true, 50)).milliseconds);
  const {references} = await ask(line, true, null);
  worker.terminate();
  return {spent, references};
}"""


class QueryCost(NamedTuple):
    """One query.

    Attributes:
        query: The query.
        found: How many versions it finds.
        is_right: True if ``registry search`` finds the same.
        first: Milliseconds in a worker that has not answered it yet.
        again: Milliseconds after that, the median.
    """

    query: str
    found: int
    is_right: bool
    first: float
    again: float


class Costs(NamedTuple):
    """What search costs.

    Attributes:
        versions: How many versions there are.
        built: Seconds of making the columns, shards and page, with reading the registry.
        raw: Bytes of everything loaded, not compressed.
        sent: The same as a server sends it, with gzip.
        shards: How many files the columns are in.
        shown: Seconds from opening an address with a query until its answer is shown.
        queries: Each query.
    """

    versions: int
    built: float
    raw: int
    sent: int
    shards: int
    shown: float
    queries: Sequence[QueryCost]


def _measure_query(page: Page, rows: Rows, query: str) -> QueryCost:
    answer = cast("dict[str, list[object]]", page.evaluate(_ASK, [query, _AGAIN]))
    first, *again = cast("list[float]", answer["spent"])
    found = cast("list[str]", answer["references"])
    expected = ask_program(rows, query, versions=True)
    return QueryCost(query, len(found), found == [*expected.found], first, median(again))


def _measure_shown(chromium: ChromiumProcess, site: str, query: str) -> float:
    with chromium.visit(site) as visit:
        start = time.perf_counter()
        visit.page.goto(f"{site}search/index.html?q={quote(query)}")
        expect(visit.page.locator("#status")).to_have_text(re.compile("version"), timeout=60_000)
        return time.perf_counter() - start


def measure_search(
    corpus: Path, folder: Path, chromium: ChromiumProcess, queries: Sequence[str] = QUERIES
) -> Costs:
    """Make the search page of a registry, and ask it.

    Args:
        corpus: The registry.
        folder: Where the page is written; empty.
        chromium: The browser.
        queries: What is asked, for versions.
    """
    repository = Repository.open(corpus)
    catalog = Catalog(repository.tree(repository.commit("HEAD")))
    start = time.perf_counter()
    rows = Rows(catalog)
    write_search_site(catalog, folder, rows)
    built = time.perf_counter() - start
    loaded = [
        place
        for place in sorted(folder.rglob("*"))
        if place.is_file() and (place.parent.name == "search" or place.stem.startswith(("catalog", "search")))
    ]  # fmt: skip
    loaded = [place for place in loaded if place.name != "index.json"]  # for other programs
    versions = sum(len(rows.versions(name)) for name in rows.models())
    with serve_folder(folder, "/models/") as site:
        shown = _measure_shown(chromium, site, queries[0])
        with chromium.visit(site) as visit:
            visit.page.goto(f"{site}search/index.html")
            costs = [_measure_query(visit.page, rows, query) for query in queries]
    repository.close()
    raw = sum(place.stat().st_size for place in loaded)
    shards = sum(place.parent.name == "search" and place.suffix == ".json" for place in loaded)
    return Costs(versions, built, raw, measure_compressed(*loaded), shards - 1, shown, costs)


def render_costs(costs: Costs) -> Iterator[str]:
    """The lines of a report."""
    yield f"{costs.versions:,} versions; columns made in {costs.built:.1f} s"
    yield f"everything loaded: {costs.sent:,} bytes compressed, {costs.raw:,} bytes not compressed, {costs.shards} shards"
    yield f"from the address to the first answer: {costs.shown:.2f} s"
    yield ""
    yield "| query | found | as `registry search` | first ms | again ms |"
    yield "| --- | --- | --- | --- | --- |"
    for one in costs.queries:
        same = "yes" if one.is_right else "NO"
        yield f"| `{one.query}` | {one.found:,} | {same} | {one.first:.1f} | {one.again:.1f} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", type=int, default=100_000)
    parser.add_argument("--corpora", type=Path, default=CORPORA)
    chosen = parser.parse_args()
    chosen.corpora.mkdir(parents=True, exist_ok=True)
    name = f"{chosen.versions // 1000}k" if chosen.versions % 1000 == 0 else str(chosen.versions)
    corpus = make_corpus(chosen.corpora / f"{name}.git", versions=chosen.versions)
    loads = [load()]
    with tempfile.TemporaryDirectory() as folder, run_chromium() as chromium:
        for line in render_costs(measure_search(corpus, Path(folder), chromium)):
            print(line)
    print(f"\n{load_words([*loads, load()])}")


if __name__ == "__main__":
    main()
