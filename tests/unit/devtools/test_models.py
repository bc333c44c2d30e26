from __future__ import annotations

from pathlib import Path

import pytest

from registry_tool.devtools.models import main, render_modules
from registry_tool.manifests.models.table import MANIFESTS
from registry_tool.manifests.schema import schema_ids

FOLDER = Path(__file__).parents[3] / "registry_tool" / "manifests" / "models"


def test_the_types_are_those_of_the_schemas() -> None:
    found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py")}
    differing = [name for name, source in render_modules().items() if found.get(name) != source]
    assert differing == [], "run: python -m registry_tool.devtools.models"
    assert set(found) == {*render_modules(), "__init__.py", "base.py"}


def test_every_schema_has_a_class() -> None:
    assert set(MANIFESTS) == schema_ids()


def test_a_difference_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "registry_tool" / "manifests" / "models"
    folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert main([]) == 0
    assert main(["--check"]) == 0
    (folder / "version.py").write_text("x = 1\n", encoding="utf-8")
    assert main(["--check"]) == 1
    assert (
        "version.py is out of date; run: python -m registry_tool.devtools.models"
        in capsys.readouterr().err
    )
