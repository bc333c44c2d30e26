from __future__ import annotations

from pathlib import Path

import pytest
from support.merge_races import ROWS, Outcomes, Row, race


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.one}, {row.other}".replace(" ", "-"))
def test_changes_made_at_the_same_time(row: Row, tmp_path: Path) -> None:
    assert race(row, tmp_path / "registry") == Outcomes(row.alone, row.forth, row.back or row.forth)


def test_no_pair_of_changes_stands_there_twice() -> None:
    assert len({(row.one, row.other) for row in ROWS}) == len(ROWS)
