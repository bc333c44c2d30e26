"""Pictures of the catalog's pages, of the illustrated registry: light and dark, wide and narrow.

Run::

    python tests/support/page_pictures.py FOLDER            # all of them
    python tests/support/page_pictures.py --readme          # the one in docs/pictures/
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from support.browser import ChromiumProcess, Scheme, run_chromium, serve_folder
from support.built_pages import build_pages
from support.illustrated_registry import build_illustrated_registry

__all__ = ["PICTURED_PAGES", "README_PICTURE", "take_pictures", "take_readme_picture"]

README_PICTURE: Final = Path(__file__).parents[2] / "docs" / "pictures" / "model.png"
PICTURED_PAGES: Final = {
    "home": "index.html",
    "models": "models/index.html",
    "namespace": "models/nlp/index.html",
    "model": "models/nlp/lang-id/index.html",
    "version": "models/nlp/lang-id/14/index.html",
    "withdrawn": "models/nlp/lang-id/11/index.html",
    "draft": "models/nlp/lang-id/15/index.html",
    "compare": "compare/index.html?a=nlp/lang-id@12&b=nlp/lang-id@13&c=nlp/lang-id@14",
    "timeline": "timeline/index.html?day=2026-06-12",
    "lineage": "models/nlp/lang-id/-/lineage/index.html",
    "lineages": "lineage/index.html",
    "search": "search/index.html?q=accuracy>=0.93",
    "health": "health/index.html",
    "about": "about/index.html",
}
"""The pages by the name of their picture."""
_WIDTHS: Final = (1280, 390)
_SCHEMES: Final[tuple[Scheme, ...]] = ("light", "dark")


def take_pictures(chromium: ChromiumProcess, pages: Path, folder: Path) -> Iterator[Path]:
    """Take a picture of each page, in both widths and both schemes; yields their files.

    Args:
        chromium: The browser.
        pages: The site.
        folder: Where the pictures are written, as ``<name>-<width>-<scheme>.png``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with serve_folder(pages) as site:
        for width in _WIDTHS:
            for scheme in _SCHEMES:
                with chromium.visit(site, width=width, scheme=scheme) as visit:
                    for name, address in PICTURED_PAGES.items():
                        visit.page.goto(site + address, wait_until="networkidle")
                        file = folder / f"{name}-{width}-{scheme}.png"
                        visit.page.screenshot(path=file, full_page=True)
                        yield file


def take_readme_picture(chromium: ChromiumProcess, pages: Path, file: Path) -> None:
    """Take the picture of the README: the top of a model's page."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with serve_folder(pages) as site, chromium.visit(site, width=1120, height=840) as visit:
        visit.page.goto(site + PICTURED_PAGES["model"])
        visit.page.screenshot(path=file)


def _main(argument: str) -> None:
    with tempfile.TemporaryDirectory() as temporary, run_chromium() as chromium:
        registry = build_illustrated_registry(Path(temporary, "registry"))
        build_pages(registry, Path(temporary, "pages"), check=True)
        if argument == "--readme":
            take_readme_picture(chromium, Path(temporary, "pages"), README_PICTURE)
            return
        for file in take_pictures(chromium, Path(temporary, "pages"), Path(argument)):
            print(file)


if __name__ == "__main__":
    _main(sys.argv[1])
