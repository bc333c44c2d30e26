"""One browser for all tests of pages that a worker runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.browser import ChromiumProcess, run_chromium


@pytest.fixture(scope="session")
def chromium() -> Iterator[ChromiumProcess]:
    with run_chromium() as running:
        yield running
