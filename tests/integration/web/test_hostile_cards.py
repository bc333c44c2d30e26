"""Hostile cards in a real browser: no dialog, no request, no script or style, and nothing leaves its card."""

from __future__ import annotations

from html import escape
from pathlib import Path

import pytest
from support.browser import ChromiumProcess, audit_page, serve_folder, validate_pages
from support.web_cards import list_cases, render_case

# The policy of the catalog's pages.
_POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'"
_FILES = sorted({case.name.partition(":")[0] for case in list_cases()})
_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
# What the browser made of the cards, whatever the text of the page says.
_LOOK = """() => {
  const faults = [];
  for (const element of document.querySelectorAll("article.card *")) {
    if (/^(script|style|iframe|object|embed|svg|math|form|input|link|meta|base|template)$/i.test(element.localName))
      faults.push(element.outerHTML.slice(0, 80));
    for (const name of element.getAttributeNames())
      if (/^(on|style$|srcset$|action$|formaction$)/i.test(name)) faults.push(element.outerHTML.slice(0, 80));
    const address = element.href ?? element.src;
    if (address && !/^(https?|mailto):/.test(address)) faults.push(address);
  }
  return faults;
}"""
_TOUCH = """() => {
  for (const element of [...document.querySelectorAll("article.card *")].slice(0, 2000))
    for (const name of ["mouseover", "mouseenter", "focus", "focusin", "toggle", "error", "load"])
      element.dispatchEvent(new Event(name, {bubbles: true}));
}"""


def _write_page(folder: Path, file: str, *, policy: str = _POLICY) -> int:
    cases = [case for case in list_cases() if case.name.startswith(f"{file}:")]
    articles = "\n".join(
        f'<h2>{escape(case.name)}</h2><article class="card">{render_case(case.data).html}</article>'
        for case in cases
    )
    place = folder / "models" / "nlp" / "lang-id"
    place.mkdir(parents=True)
    (folder / "images").mkdir()
    for image in ("0a1b.png", "2c3d.png"):
        (folder / "images" / image).write_bytes(_PIXEL)
    (place / "index.html").write_text(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width"><title>Cards</title><link rel="icon" href="../../../images/0a1b.png">'
        f"</head><body><main><h1>Cards</h1>{articles}</main></body></html>",
        encoding="utf-8",
    )
    return len(cases)


@pytest.mark.parametrize("file", _FILES)
def test_a_hostile_card_does_nothing(chromium: ChromiumProcess, tmp_path: Path, file: str) -> None:
    count = _write_page(tmp_path, file)
    with serve_folder(tmp_path) as site, chromium.visit(site) as visit:
        visit.page.goto(f"{site}models/nlp/lang-id/")
        assert visit.page.locator("main > article.card").count() == count
        assert visit.page.locator("main > h2").count() == count
        assert visit.page.evaluate(_LOOK) == []
        visit.page.evaluate(_TOUCH)
        assert visit.is_quiet, (visit.refused, visit.dialogs, visit.complaints)


@pytest.mark.parametrize("file", _FILES)
def test_it_does_nothing_without_the_policy_either(chromium: ChromiumProcess, tmp_path: Path, file: str) -> None:  # fmt: skip
    """The policy is a third fence: the first two are enough."""
    _write_page(tmp_path, file, policy="")
    with serve_folder(tmp_path) as site, chromium.visit(site) as visit:
        visit.page.goto(f"{site}models/nlp/lang-id/")
        assert visit.page.evaluate(_LOOK) == []
        assert visit.is_quiet, (visit.refused, visit.dialogs, visit.complaints)


@pytest.mark.parametrize("file", ["images", "links", "lookalikes", "parts", "styles"])
def test_cards_are_accessible_and_valid(chromium: ChromiumProcess, tmp_path: Path, file: str) -> None:  # fmt: skip
    _write_page(tmp_path, file)
    with serve_folder(tmp_path) as site, chromium.visit(site) as visit:
        visit.page.goto(f"{site}models/nlp/lang-id/")
        # One page has many cards here, each with headings and names of its own, and links that are not in a sentence.
        ours = {"duplicate-id", "heading-order", "target-size"}
        assert [f for f in audit_page(visit.page) if f.rule not in ours] == []
    page = tmp_path / "models/nlp/lang-id/index.html"
    found = validate_pages([page]).get(page, [])
    assert [f for f in found if f.rule != "no-dup-id"] == []
