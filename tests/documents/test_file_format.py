"""``docs/file-format.md``: its tables are those of the schemas, and its examples form a registry that passes."""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from documents.field_tables import KINDS, PAGE, fields, filled
from support import git

_EXAMPLE = re.compile(r"^`([^`]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _examples() -> dict[str, str]:
    return dict(_EXAMPLE.findall(PAGE.read_text(encoding="utf-8")))


def _kind(path: str, text: str) -> str:
    if path.endswith(".dvc"):
        return "dvc"
    return text.partition("schema: ")[2].partition("/v1")[0] if path.endswith(".yaml") else ""


def test_tables_are_those_of_the_schemas() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == filled(page), "run: python tests/documents/field_tables.py"


def test_the_page_has_a_table_and_an_example_of_every_kind() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"<!-- fields of {kind} -->" not in page] == []
    assert {_kind(*example) for example in _examples().items()} - {""} == set(KINDS)


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("version", "artifacts[].encryption.path"),
        ("registry", "stages.*.require[].min"),
        ("evidence", "metrics[].value.bytes"),
        ("dvc", "outs[].cloud.*.etag"),
    ],
)
def test_tables_reach_nested_fields(kind: str, field: str) -> None:
    assert field in [row.path for row in fields(kind)]


def test_the_examples_pass_the_check(tmp_path: Path) -> None:
    for path, text in _examples().items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        # A waiver ends within 180 days, and the page is read for longer.
        soon = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=90)
        file.write_text(re.sub(r"(?m)^expires: .*$", f'expires: "{soon}"', text), encoding="utf-8")
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message=Examples")
    command = [sys.executable, "-m", "registry_tool", "check", "--all", "--format", "json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    assert report["verdict"] == "pass", report["findings"]
    # A deprecated version that aliases point to: a warning, which shows that the examples are judged.
    assert {finding["rule"] for finding in report["findings"]} == {"M208"}
