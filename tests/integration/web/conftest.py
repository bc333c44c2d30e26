"""One browser for all tests of pages that a worker runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.browser import ChromiumProcess, run_chromium, serve_folder
from support.shown_pages import build_shown_site


@pytest.fixture(scope="session")
def chromium() -> Iterator[ChromiumProcess]:
    with run_chromium() as running:
        yield running


@pytest.fixture(scope="session")
def shown_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built site with every kind of page."""
    return build_shown_site(tmp_path_factory.mktemp("shown"))


@pytest.fixture(scope="session")
def shown_site(shown_folder: Path) -> Iterator[str]:
    """The address of the site, below a path."""
    with serve_folder(shown_folder, "/models/catalog/") as site:
        yield site
