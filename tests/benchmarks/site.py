"""The catalog site of a large registry: ``python tests/benchmarks/site.py --versions 100000``.

Prints what ``registry site build`` computes, compared with what ``registry search "accuracy>=2"`` computes in the same run, which
reads the same files; what a build after one move of an alias costs, compared with the first build; and files, bytes and memory.
Both commands start without what earlier runs kept. The suite runs it small (tests/benchmarks/test_site.py).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.corpus import CORPORA, make_corpus, model_name
from benchmarks.machine import load, load_words
from benchmarks.processes import Ended, peak_memory, run

__all__ = ["Row", "measure_site", "render_rows"]

_REGISTRY: Final = (sys.executable, "-m", "registry_tool")
_QUERY: Final = "accuracy>=2"
_MOVED: Final = tuple(f"refs/heads/site-benchmark-{number}" for number in range(1, 4))
_MEGABYTE: Final = 1_000_000


class Row(NamedTuple):
    """One figure.

    Attributes:
        what: What was measured.
        value: The figure, with its unit.
        bound: What it should be; empty where nothing is promised.
        met: True where it is; also where nothing is promised.
    """

    what: str
    value: str
    bound: str = ""
    met: bool = True


def _move_aliases(corpus: Path) -> None:
    """Commits on top of the main branch that move one alias each, on branches that later runs replace."""
    model, lines = model_name(7), []
    for number, branch in enumerate(_MOVED):
        text = f"schema: alias/v1\nmodel: {model}\nversion: '{number % 2 + 1}'\n"
        lines.append(
            f"commit {branch}\ncommitter Bench <bench@example.org> {1_900_000_000 + number} +0000\ndata 5\nMove\n\n"
            f"from {_MOVED[number - 1] if number else 'refs/heads/main^0'}\n"
            f"M 100644 inline models/{model}/aliases/production.yaml\ndata {len(text)}\n{text}\n"
        )
    subprocess.run(
        ["git", "-C", str(corpus), "fast-import", "--quiet", "--force", "--done"],
        input=f"{''.join(lines)}done\n".encode(), check=True,
    )  # fmt: skip


def _count(folder: Path) -> tuple[int, int]:
    """The number of files in a folder, and their bytes."""
    sizes = [place.lstat().st_size for place in folder.rglob("*") if place.is_file()]
    return len(sizes), sum(sizes)


class _Bench:
    def __init__(self, corpus: Path, folder: Path) -> None:
        self._corpus = corpus
        self._folder = folder
        self.site = folder / "site"
        self._runs = 0

    def _environment(self) -> dict[str, str]:
        """One without anything that was kept."""
        self._runs += 1
        cache = str(self._folder / f"cache-{self._runs}")
        return {**os.environ, "XDG_CACHE_HOME": cache, "REGISTRY_CACHE": cache}

    def search(self) -> Ended:
        command = [*_REGISTRY, "search", _QUERY]
        return run(command, folder=self._corpus, env=self._environment())

    def _command(self, site: Path, ref: str) -> list[str]:
        return [*_REGISTRY, "site", "build", "-o", str(site), "--ref", ref]

    def build(self, ref: str = "main") -> Ended:
        return run(self._command(self.site, ref), folder=self._corpus, env=self._environment())

    def memory(self) -> tuple[int, int]:
        command = self._command(self._folder / "again", "main")
        return peak_memory(command, folder=self._corpus, env=self._environment())


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _fit(what: str, value: float, bound: float, unit: str) -> Row:
    return Row(
        what,
        f"{_number(value)} {unit}".strip(),
        f"≤ {_number(bound)} {unit}".strip(),
        value <= bound,
    )


def measure_site(corpus: Path, folder: Path) -> Iterator[Row]:
    """Measure the site of a corpus; ``folder`` is for what is built."""
    _move_aliases(corpus)
    bench = _Bench(corpus, folder)
    searches = [bench.search()]
    first = bench.build()
    searches.append(bench.search())
    search = sum(one.cpu for one in searches) / len(searches)
    yield Row(f"search {_QUERY}", f"{search:.2f} s computing")
    yield Row("first build", f"{first.cpu:.2f} s computing, {first.seconds:.1f} s")
    yield _fit("first build, compared with the search", first.cpu / search, 2, "")
    # The first of them links the whole site once more, to have two that take turns.
    for number, ref in enumerate(_MOVED, start=1):
        again = bench.build(ref)
        yield Row(f"after one move of an alias, {number}", f"{again.cpu:.2f} s computing, {again.seconds:.1f} s")  # fmt: skip
        yield _fit(
            f"that, compared with the first build, {number}", again.cpu / first.cpu, 1 / 30, ""
        )
    files, size = _count(bench.site)
    yield _fit("files", files, 32_000, "")
    yield _fit("bytes", size / _MEGABYTE, 400, "MB")
    ours, git = bench.memory()
    yield _fit("memory, all processes", ours / _MEGABYTE, 500, "MB")
    yield Row("memory of git, packs included", f"{git / _MEGABYTE:.0f} MB")


def render_rows(rows: Sequence[Row]) -> Iterator[str]:
    """The figures as lines of a Markdown table."""
    yield "| what | measured | bound | met |"
    yield "| --- | --- | --- | --- |"
    for row in rows:
        met = ("yes" if row.met else "no") if row.bound else ""
        yield f"| {row.what} | {row.value} | {row.bound} | {met} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", type=int, default=100_000)
    parser.add_argument("--corpora", type=Path, default=CORPORA)
    chosen = parser.parse_args()
    chosen.corpora.mkdir(parents=True, exist_ok=True)
    corpus = make_corpus(chosen.corpora / str(chosen.versions), versions=chosen.versions)
    before = load()
    with tempfile.TemporaryDirectory(dir=chosen.corpora) as folder:
        print("\n".join(render_rows([*measure_site(corpus, Path(folder))])))
    print(f"\n{load_words([before, load()])}")


if __name__ == "__main__":
    main()
