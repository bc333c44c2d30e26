"""What the tests of pages rest on: the browser refuses and notes what pages must not do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.browser import ChromiumProcess, audit_page, serve_folder, validate_pages

_HOSTILE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>t</title>
<link rel="icon" href="icon.svg"><script>alert(1)</script></head><body>
<img src="http://example.org/pixel.png"><script src="//example.org/x.js"></script>
<script>fetch("https://example.org/").catch(() => {}); throw new Error("of the page")</script></body></html>"""
_GOOD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>t</title><link rel="icon" href="icon.svg"></head>
<body><main><h1>Fine</h1></main></body></html>"""
_ICON = '<svg xmlns="http://www.w3.org/2000/svg"/>'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text(_HOSTILE, encoding="utf-8")
    (tmp_path / "good.html").write_text(_GOOD, encoding="utf-8")
    (tmp_path / "icon.svg").write_text(_ICON, encoding="utf-8")
    return tmp_path


def test_what_a_page_must_not_do_is_refused_and_noted(chromium: ChromiumProcess, folder: Path) -> None:  # fmt: skip
    with serve_folder(folder) as site, chromium.visit(site) as visit:
        visit.page.goto(site)
        assert sorted(visit.refused) == [
            "http://example.org/pixel.png", "http://example.org/x.js", "https://example.org/",
        ]  # fmt: skip
        assert visit.dialogs == ["1"]
        assert any("of the page" in text for text in visit.complaints)
        assert not visit.is_quiet


@pytest.mark.parametrize("below", ["/", "/models/catalog/"])
def test_a_page_that_behaves_is_quiet(chromium: ChromiumProcess, folder: Path, below: str) -> None:
    with serve_folder(folder, below) as site, chromium.visit(site) as visit:
        visit.page.goto(site + "good.html")
        assert visit.is_quiet, visit
        assert visit.page.get_by_role("heading", name="Fine").is_visible()


def test_pages_are_read_from_files_too(chromium: ChromiumProcess, folder: Path) -> None:
    with chromium.visit(f"file://{folder}/") as visit:
        visit.page.goto(f"file://{folder}/good.html")
        assert visit.is_quiet, visit


def test_a_loop_of_our_own_runs_between_visits(chromium: ChromiumProcess, folder: Path) -> None:
    with chromium.visit(f"file://{folder}/") as visit:
        visit.page.goto(f"file://{folder}/good.html")
    assert asyncio.run(asyncio.sleep(0, "ran")) == "ran"
    with chromium.visit(f"file://{folder}/", scheme="dark", width=390) as visit:
        visit.page.goto(f"file://{folder}/good.html")
        assert visit.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        assert visit.page.evaluate("innerWidth") == 390


def test_auditors_find_what_is_wrong(chromium: ChromiumProcess, folder: Path) -> None:
    with serve_folder(folder) as site, chromium.visit(site) as visit:
        visit.page.goto(site)
        assert "image-alt" in {finding.rule for finding in audit_page(visit.page)}
        visit.page.goto(site + "good.html")
        assert audit_page(visit.page) == []
    found = validate_pages([folder / "index.html", folder / "good.html"])
    assert list(found) == [folder / "index.html"]
    assert {"wcag/h37"} <= {finding.rule for finding in found[folder / "index.html"]}
