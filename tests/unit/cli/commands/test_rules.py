from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from support import Ran

Cli = Callable[..., Ran]


def test_rules_need_no_registry(cli: Cli, tmp_path: Path) -> None:
    ran = cli("rules", cwd=tmp_path)
    assert ran.code == 0
    first = ran.out.splitlines()[0].split()
    assert first[:3] == ["A501", "refuse", "artifact"]


def test_one_rule(cli: Cli, tmp_path: Path) -> None:
    ran = cli("rules", "f101", cwd=tmp_path)
    assert ran.code == 0
    assert ran.out.startswith("F101  the file can be read\nrefuse, scope: file\n\nA manifest must")
    data = json.loads(cli("rules", "F101", "--format", "json", cwd=tmp_path).out)
    assert list(data) == ["id", "title", "severity", "scope", "text"]


def test_json_lists_all(cli: Cli, tmp_path: Path) -> None:
    data = json.loads(cli("rules", "--format", "json", cwd=tmp_path).out)
    assert [rule["id"] for rule in data] == sorted(rule["id"] for rule in data)


def test_unknown_rule(cli: Cli, tmp_path: Path) -> None:
    ran = cli("rules", "M2O3", "--format", "json", cwd=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert "did you mean" in ran.err
    assert "M203" in ran.err
