"""Search in the browser finds what `registry search` finds, and says what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.browser import ChromiumProcess, serve_folder
from support.repositories import new_repository
from support.searched_sites import (
    ask_browser,
    ask_command,
    ask_program,
    make_queries,
    varied_registry,
    write_search_site,
)

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.search.summary_cache import Rows
from registry_tool.git.tree import DictTree


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog(DictTree(varied_registry()))


@pytest.fixture(scope="module")
def folder(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("searched")
    write_search_site(catalog, made)
    return made


def test_generated_queries_give_the_same_in_the_browser(chromium: ChromiumProcess, catalog: Catalog, folder: Path) -> None:  # fmt: skip
    queries = make_queries(3_000)
    rows = Rows(catalog)
    with serve_folder(folder, "/models/") as site, chromium.visit(site) as visit:
        visit.page.goto(f"{site}search/index.html")
        answers = ask_browser(visit.page, queries)
        assert visit.is_quiet, visit
    found = refused = 0
    for (query, versions), (answer, _) in zip(queries, answers, strict=True):
        expected = ask_program(rows, query, versions=versions)
        assert answer == expected, (query, versions)
        found += bool(expected.found)
        refused += bool(expected.error[0])
    # The queries are worth asking.
    assert found > 300
    assert refused > 300


_COMMANDS = (
    "accuracy>=0.5", "accuracy!=good", 'accuracy="NaN"', '"x>=1"!=good', "metrics.loss>0", "state:deleted", "state:erased",
    "label:edge framework:onnx", "alias:production", 'title:"Stra\xdfe, 50%"', "STRASSE", "namespace:speech language", "it's",
    "accuracy>=x", "accuracy=>1", "colour:red", "a OR b", "loss\u22650.9",
)  # fmt: skip


def test_the_command_gives_the_same_as_the_page(chromium: ChromiumProcess, folder: Path, tmp_path: Path) -> None:  # fmt: skip
    registry = new_repository(tmp_path / "registry", varied_registry())
    with serve_folder(folder) as site, chromium.visit(site) as visit:
        visit.page.goto(f"{site}search/index.html")
        answers = ask_browser(visit.page, [(query, False) for query in _COMMANDS])
    for query, (answer, _) in zip(_COMMANDS, answers, strict=True):
        assert (answer.found, answer.error[0]) == ask_command(registry, query), query
