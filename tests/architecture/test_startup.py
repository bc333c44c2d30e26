"""A command starts fast: what is heavy is imported when it is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "pydantic", "jsonschema", "jsonschema_rs", "ruamel", "yaml_rs", "dvc", "dvc_data", "dvc_objects", "git", "rich",
    "packaging", "fsspec", "asyncio", "hashlib", "tempfile", "difflib",
)  # fmt: skip
# Standard modules are light enough elsewhere; these start-ups can do without them.
LIGHT = ("asyncio", "hashlib", "tempfile", "difflib")


def _imported(code: str, cwd: Path) -> set[str]:
    """The top-level modules that a fresh interpreter has imported after some code, beyond its own."""
    report = (
        f"import sys\nbefore = set(sys.modules)\ntry:\n    {code}\nexcept SystemExit:\n    pass\n"
    )
    report += (
        "print('\\n' + ' '.join(sorted({m.split('.')[0] for m in set(sys.modules) - before})))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{report}"],
        capture_output=True, text=True, check=True, cwd=cwd,
    )  # fmt: skip
    return set(done.stdout.strip().splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import registry_tool",
        "import registry_tool; registry_tool.__version__; registry_tool.errors; registry_tool.Reference",
        "from registry_tool.cli.main import run; run(['--version'])",
        "from registry_tool.cli.main import run; run(['--help'])",
        "from registry_tool.cli.main import run; run([])",
    ],
)
def test_a_start_imports_nothing_heavy(code: str, tmp_path: Path) -> None:
    found = _imported(code, tmp_path)
    assert "registry_tool" in found
    assert found & set(HEAVY) - set(LIGHT) == set()


def test_the_package_alone_imports_almost_nothing(tmp_path: Path) -> None:
    found = _imported("import registry_tool", tmp_path)
    assert found & {"click", *HEAVY} == set()


def test_a_heavy_import_would_be_found(tmp_path: Path) -> None:
    assert "rich" in _imported("import rich", tmp_path)


def test_a_program_that_resolves_imports_no_second_reader(tmp_path: Path) -> None:
    """In a registry as `registry init` makes it; the reader's share of a serving process's start."""
    begin = [sys.executable, "-m", "registry_tool", "init", "models", "--name", "acme"]
    subprocess.run(begin, check=True, capture_output=True, cwd=tmp_path)
    found = _imported(
        "import registry_tool; reg = registry_tool.open('models'); print(len(list(reg.models())))",
        tmp_path,
    )
    assert (
        found & {"pydantic", "jsonschema", "jsonschema_rs", "ruamel", "git", "rich", "packaging"}
        == set()
    )
