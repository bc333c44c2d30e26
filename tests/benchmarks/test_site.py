"""The program that measures the site, small: it builds, moves an alias three times, and counts."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.timeout(300)
def test_a_small_site_is_measured(tmp_path: Path) -> None:
    from benchmarks.corpus import make_corpus
    from benchmarks.site import measure_site, render_rows

    corpus = make_corpus(tmp_path / "corpus", versions=30, models=10)
    rows = [*measure_site(corpus, tmp_path)]
    found = {row.what: row for row in rows}
    assert found["files"].met
    assert found["bytes"].met
    assert float(found["files"].value) > 90
    assert len([*render_rows(rows)]) == 2 + len(rows)
