from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from registry_tool.devtools.hooks_table import FRAMEWORK_HOOKS, framework_yaml, main

ROOT = Path(__file__).parents[3]


def test_the_generated_file_is_up_to_date() -> None:
    text = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    assert text == framework_yaml(), (
        "python -m registry_tool.devtools.hooks_table > .pre-commit-hooks.yaml"
    )


def test_the_generated_file_reads_back_as_the_table() -> None:
    hooks = YAML(typ="safe").load(framework_yaml())
    assert [(h["id"], h["entry"], tuple(h["stages"])) for h in hooks] == [
        (h.id, h.entry, h.stages) for h in FRAMEWORK_HOOKS
    ]
    assert all(h["always_run"] and not h["pass_filenames"] for h in hooks)


def test_drift_of_the_generated_file_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--check"]) == 1
    assert "python -m registry_tool.devtools.hooks_table >" in capsys.readouterr().err
    assert main([]) == 0
    Path(".pre-commit-hooks.yaml").write_text(capsys.readouterr().out, encoding="utf-8")
    assert main(["--check"]) == 0
