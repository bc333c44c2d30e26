"""``docs/errors.md``: every exception and every exit code, and the format that it promises."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from documents.error_table import PAGE, filled

from registry_tool import errors
from registry_tool.checks.findings import EXIT_CODES


def _page() -> str:
    return PAGE.read_text(encoding="utf-8")


def _exceptions() -> list[type[errors.RegistryError]]:
    found = (getattr(errors, name) for name in errors.__all__)
    return [one for one in found if isinstance(one, type) and issubclass(one, errors.RegistryError)]


def test_the_table_is_that_of_the_classes() -> None:
    assert _page() == filled(_page()), "run: python tests/documents/error_table.py"


def test_every_exception_is_listed() -> None:
    assert [
        error.__name__ for error in _exceptions() if f"`{error.__name__}` |" not in _page()
    ] == []


def test_every_code_is_listed() -> None:
    listed = re.findall(r"^\| `([a-z_]+)` \|", _page(), re.MULTILINE)
    assert sorted(listed) == sorted(get_args(errors.ErrorCode))
    assert {error.code for error in _exceptions()} == set(listed)


def test_every_exit_code_is_listed() -> None:
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", _page(), re.MULTILINE)}
    used = {error.exit_code for error in _exceptions()}
    assert codes == used | set(EXIT_CODES.values()) | {130}


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "registry_tool", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "code"), [(["show", "nlp/m"], 2), (["show", "bad^name", "--format", "json"], 2)]
)
def test_an_error_is_text_on_standard_error(
    tmp_path: Path, arguments: list[str], code: int
) -> None:
    done = _run(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert re.fullmatch(r"error: .+\n(try:   .+\n)?", done.stderr)
