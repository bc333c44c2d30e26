"""``docs/python-api.md``: its examples run in their order, and print what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support import run_program

PAGE = Path(__file__).parents[2] / "docs/python-api.md"


def test_the_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = run_program("init", "models", "--name", "acme", "--remote", "storage", cwd=tmp_path)
    assert made.code == 0, made.err
    (tmp_path / "lid.176.ftz").write_bytes(b"a model\n")
    (tmp_path / "report.md").write_text("# Report\n")
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    space: dict[str, object] = {}
    for example in examples:
        exec(compile(example, PAGE.name, "exec"), space)
    printed = capsys.readouterr().out.splitlines()
    promised = [
        found.strip()
        for example in examples
        for found in re.findall(r"print\(.*\)(?:  |\n +)# (.*)", example)
    ]
    assert len(promised) == 6
    assert [line for line in promised if line not in printed] == []
