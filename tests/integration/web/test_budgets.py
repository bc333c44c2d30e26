"""What pages of the illustrated registry cost a reader: no movement while they load, and no request that they could do without."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Request
from support.browser import ChromiumProcess, serve_folder
from support.page_pictures import PICTURED_PAGES

# The browser counts what moved without the reader's doing; entries from before the script are kept for it.
_SHIFTS = """() => new Promise(resolve => {
  const found = [];
  new PerformanceObserver(list => {
    for (const one of list.getEntries())
      found.push([one.value, ...one.sources.map(source => source.node?.id || source.node?.className || source.node?.localName)]);
  }).observe({type: "layout-shift", buffered: true});
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => resolve(found), 50)));
})"""
# These load what they show: records of two to four versions, and the columns of the search. It is in a table.
_LOADING = {"compare", "search"}
_LOADED = "#result table, #results table"


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_moves_and_nothing_more_is_loaded(
    chromium: ChromiumProcess, illustrated_pages: Path, width: int
) -> None:
    moved, loaded = {}, {}
    with serve_folder(illustrated_pages, "/models/") as site:
        for name, address in PICTURED_PAGES.items():
            with chromium.visit(site, width=width) as visit:
                requests: list[str] = []

                def note(request: Request, found: list[str] = requests) -> None:
                    found.append(Path(urlsplit(request.url).path).suffix)

                visit.page.on("request", note)
                visit.page.goto(site + address)
                if name in _LOADING:
                    visit.page.locator(_LOADED).first.wait_for()
                elif not set(requests) <= {".html", ".css", ".js"} or requests.count(".js") > 2:
                    loaded[name] = requests
                shifts = visit.page.evaluate(_SHIFTS)
                if round(sum(value for value, *_ in shifts), 3):  # as browsers report it
                    moved[name] = shifts
                assert requests.count(".css") == 1, name
                assert visit.is_quiet, (name, visit.refused, visit.complaints)
    assert (moved, loaded) == ({}, {})
