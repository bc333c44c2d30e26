"""Every kind of page of a built site in a real browser: accessible, quiet, of few requests, whole on narrow screens."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page
from support.browser import ChromiumProcess, Scheme, audit_page, validate_pages
from support.shown_pages import (
    PAGES,
    find_unlabelled_figures,
    list_focusable,
    measure_overflow,
    measure_shift,
    watch_requests,
)

from registry_tool.web.pages.kinds import PAGE_KINDS

pytestmark = pytest.mark.long
# What a page is made of; a search and a comparison also read data, and a search has a worker.
_USUAL = {"document", "stylesheet", "script"}
_READS = {"compare", "search"}
# Presses Tab until focus comes back, and says what had it, without what no reader can see.
_WALK = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const style = getComputedStyle(one);
  const box = one.getBoundingClientRect();
  return {n: one.dataset.reach ?? null, tag: one.localName, outlined: one.type === 'date' || style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0,
    seen: box.width > 0 && box.bottom > 0 && box.top < innerHeight};
}"""


def _open(page: Page, site: str, path: str) -> None:
    """Open a page, and wait for what it shows: an answer, where it was opened with a question."""
    page.goto(site + path)
    if "?q=" in path:
        page.wait_for_selector("#results table, #problem:not([hidden])")
    if "?a=" in path:
        page.wait_for_selector("#result section")


def test_every_kind_is_looked_at(shown_folder: Path) -> None:
    seen = set()
    for path in PAGES.values():
        data = shown_folder / urlsplit(path).path.replace("index.html", "index.json")
        seen.add(str(json.loads(data.read_bytes())["schema"]).split("/")[1])
    assert seen == set(PAGE_KINDS)


def test_all_pages_are_valid(shown_folder: Path) -> None:
    pages = [page for page in sorted(shown_folder.rglob("*.html")) if "many" not in page.parts]
    assert len(pages) > 40
    assert (
        validate_pages([*pages, *sorted(shown_folder.glob("models/vision/many/-/**/*.html"))]) == {}
    )


@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1280), ("dark", 390), ("dark", 1280), ("light", 390)]
)
def test_pages_are_accessible_quiet_and_do_not_move(
    chromium: ChromiumProcess, shown_site: str, shown_folder: Path, scheme: Scheme, width: int
) -> None:  # fmt: skip
    faults: list[tuple[str, ...]] = []
    with chromium.visit(shown_site, width=width, scheme=scheme) as visit:
        for name, path in PAGES.items():
            with watch_requests(visit) as sent:
                _open(visit.page, shown_site, path)
            kinds = {one.kind for one in sent}
            if path.partition("/")[0] not in _READS and kinds != _USUAL:
                faults.append((name, "requests", str(sorted(kinds))))
            faults += [(name, *found) for found in audit_page(visit.page)]
            faults += [(name, "figure", found) for found in find_unlabelled_figures(visit.page)]
            # To three digits: a date field has letters that are a little wider than its digits.
            if shift := round(measure_shift(visit.page), 3):
                faults.append((name, "shift", str(shift)))
        assert not faults, "\n".join(map(str, faults))
        assert visit.is_quiet, (visit.refused, visit.dialogs, visit.complaints)


@pytest.mark.parametrize("width", [320, 640])
def test_no_page_scrolls_sideways(chromium: ChromiumProcess, shown_site: str, width: int) -> None:
    """At 320 pixels, and at 1280 with a zoom of 200 %."""
    faults: list[tuple[str, ...]] = []
    with chromium.visit(shown_site, width=width, height=450) as visit:
        for name, path in PAGES.items():
            _open(visit.page, shown_site, path)
            faults += [(name, found) for found in measure_overflow(visit.page)]
    assert not faults, "\n".join(map(str, faults))


def test_text_of_twice_the_size_fits(chromium: ChromiumProcess, shown_site: str) -> None:
    faults = []
    with chromium.visit(shown_site) as visit:
        for name, path in PAGES.items():
            _open(visit.page, shown_site, path)
            visit.page.evaluate("document.documentElement.style.fontSize = '200%'")
            faults += [(name, found) for found in measure_overflow(visit.page)]
    assert not faults, "\n".join(map(str, faults))


@pytest.mark.parametrize("width", [1280, 390])
def test_the_keyboard_reaches_everything(chromium: ChromiumProcess, shown_site: str, width: int) -> None:  # fmt: skip
    faults: list[tuple[str, ...]] = []
    with chromium.visit(shown_site, width=width) as visit:
        for name, path in PAGES.items():
            _open(visit.page, shown_site, path)
            there = list_focusable(visit.page)
            reached: list[int] = []
            # The parts of a date have the focus one by one.
            for _ in range(len(there) + 5):
                visit.page.keyboard.press("Tab")
                at = visit.page.evaluate(_WALK)
                if at is None or at["n"] is None:
                    break
                if reached[-1:] != [int(at["n"])]:
                    reached.append(int(at["n"]))
                if not (at["outlined"] and at["seen"]):
                    faults.append(
                        (name, f"{there[reached[-1]]} does not show that it has the focus: {at}")
                    )
                if len(reached) == len(there):
                    break
            if reached != [*range(len(there))]:
                faults.append((name, f"{len(reached)} of {len(there)}, in the order {reached}"))
    assert not faults, "\n".join(map(str, faults))


def test_pages_say_the_same_without_scripts(chromium: ChromiumProcess, shown_site: str) -> None:
    with chromium.visit(shown_site, scripts=False) as visit:
        page = visit.page
        page.goto(shown_site + PAGES["model"])
        for name in ("Shell", "Python", "HTTP"):
            assert not page.get_by_role("tab", name=name).is_visible()
        assert page.get_by_text("registry fetch").first.is_visible()
        assert page.get_by_text("registry_tool").first.is_visible()
        assert not page.get_by_role("button", name="Light or dark").is_visible()
        assert visit.is_quiet, visit


def test_pages_work_as_files(chromium: ChromiumProcess, shown_folder: Path) -> None:
    site = f"file://{shown_folder}/"
    with chromium.visit(site) as visit:
        page = visit.page
        page.goto(f"{site}index.html")
        page.get_by_role("link", name="Models", exact=True).click()
        page.get_by_role("link", name="nlp/lang-id", exact=True).first.click()
        assert page.get_by_role("heading", level=1).inner_text().startswith("lang-id")
        page.goto(site + PAGES["search"])
        assert page.get_by_text("Search needs a web server").is_visible()
        page.goto(site + PAGES["compare"])
        assert page.get_by_text("Comparing needs a web server").is_visible()
        assert visit.is_quiet, visit


def test_the_policy_refuses_what_a_card_might_bring(
    chromium: ChromiumProcess, shown_site: str
) -> None:
    """Were a script, a style or an image of another host in a page, the browser would not take it."""
    with chromium.visit(shown_site) as visit:
        page = visit.page
        page.goto(shown_site + PAGES["model"])
        assert visit.is_quiet
        page.evaluate("""() => {
          document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="alert(1)"><p style="color: red">x</p>');
          const script = document.createElement('script');
          script.textContent = 'alert(2)';
          document.body.append(script);
        }""")
        page.wait_for_timeout(100)
        assert visit.dialogs == []
        assert sum("Content Security Policy" in one for one in visit.complaints) >= 3
        policy = page.locator('meta[http-equiv="Content-Security-Policy"]').get_attribute("content")
        assert policy is not None
        assert "unsafe" not in policy
