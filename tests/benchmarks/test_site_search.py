"""The program of search in the browser, small: its answers are those of the command, and it says what was loaded."""

from __future__ import annotations

from pathlib import Path

from benchmarks.corpus import make_corpus
from benchmarks.site_search import QUERIES, measure_search, render_costs
from support.browser import run_chromium


def test_answers_are_those_of_the_command(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus.git", versions=300)
    with run_chromium() as chromium:
        costs = measure_search(corpus, tmp_path / "site", chromium)
    assert [one.query for one in costs.queries] == [*QUERIES]
    assert all(one.is_right for one in costs.queries)
    assert sum(one.found > 0 for one in costs.queries) > 8
    assert (costs.versions, costs.shards) == (300, 30)
    assert 0 < costs.sent < costs.raw
    assert len([*render_costs(costs)]) == 6 + len(QUERIES)
