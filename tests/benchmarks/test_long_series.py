"""The program of long histories, small: every point reads back, and the repository stays narrow."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.mark.timeout(300)
@pytest.mark.skipif(find_spec("grpc") is None, reason="needs the extra serve-modelbox")
def test_all_points_read_back_and_folders_stay_narrow(tmp_path: Path) -> None:
    from benchmarks.long_series import FACES, measure_series, render_rows

    rows = measure_series(tmp_path, versions=20, points=450, clients=4)
    assert [row.what for row in rows[1:]] == ["20 versions", *(f"450 points, {face}" for face in FACES)]  # fmt: skip
    last = rows[-1]
    assert last.commits > 900  # one for each point of ModelBox and Kubeflow
    assert last.objects <= 6
    assert last.stored[0] >= 2
    assert len([*render_rows(rows)]) == 2 + len(rows)
