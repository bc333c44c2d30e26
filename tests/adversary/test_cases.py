"""What the players once found, played again: `cases/PLAYER/NAME.json`.

A case is a JSON object: ``why`` in a sentence, ``moves`` as ``play.py`` writes them, and in ``ends`` how each must end
today (``*``: however it likes). No promise may be broken by then.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from adversary.bytes_world import BytesTemplate
from adversary.games import Deal, replay
from adversary.registry_world import Template

CASES = sorted((Path(__file__).parent / "cases").glob("*/*.json"))


@pytest.fixture(scope="module")
def deals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Deal]:
    place = tmp_path_factory.mktemp("cases")
    return {
        "registry": Template(place / "inside").world,
        "hook": Template(place / "process", "process").world,
        "bytes": BytesTemplate(place / "bytes").world,
    }


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_case_stays_closed(deals: dict[str, Deal], path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    for mode in ("registry", "hook") if path.parent.name == "registry" else ("bytes",):
        said, found = replay(deals[mode], case["moves"])
        assert found == [], case["why"]
        ends = case["ends"]
        assert len(said) == len(ends)
        assert [s for s, e in zip(said, ends, strict=True) if e != "*"] == [e for e in ends if e != "*"]  # fmt: skip
