"""The lowest versions that are tested are those that the package asks for."""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


def test_the_constraints_are_the_lower_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    words = (*project["dependencies"], *extras["reader"], *extras["serve"], *extras["site"])
    asked = [Requirement(one) for one in words]
    assert [str(one.specifier)[:2] for one in asked] == [">="] * len(asked)
    lowest = {one.name: str(one.specifier).replace(">=", "==") for one in asked}
    lines = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8").splitlines()
    tested = {one.name: str(one.specifier) for one in map(Requirement, lines)}
    assert tested == lowest
