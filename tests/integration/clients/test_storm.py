"""Clients of all protocols, people who push, kills: what was acknowledged is there, once.

The full minute, sixteen clients and a hundred kills: ``python tests/benchmarks/serve_storm.py --seconds 60 --kills 100``, with
the real client packages ``--packages``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.manifests import small_registry
from support.package_storm import STORM_PACKAGES, run_package_storm, stored_registry
from support.wire_clients import client_python
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


@pytest.mark.long
@pytest.mark.timeout(300)
def test_what_the_real_packages_were_told_is_there_after_kills(tmp_path: Path) -> None:
    for package in STORM_PACKAGES:
        client_python(package)
    bare = stored_registry(tmp_path)
    storm = run_package_storm(bare, clients=len(STORM_PACKAGES), seconds=6, kills=2)
    letters = {mark[5] for mark in storm.created}
    assert letters == {"m", "k", "t", "b", "o", "s", "p"}
    assert storm.stored
    assert storm.kills == 2
    check_storm(storm, tmp_path)
