"""Sixteen clients of two protocols, people who push, kills: what was acknowledged is there, once.

The full minute and a hundred kills: ``python tests/benchmarks/serve_storm.py --seconds 60 --kills 100``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.manifests import small_registry
from support.wire_storm import check_storm, guarded_registry, run_storm


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kills", [0, 3])
def test_nothing_is_lost_and_nothing_is_there_twice(tmp_path: Path, kills: int) -> None:
    bare = guarded_registry(tmp_path, small_registry())
    storm = run_storm(bare, seconds=8, kills=kills)
    assert len(storm.created) > 50
    assert storm.pushed
    assert storm.kills == kills
    check_storm(storm, tmp_path)
