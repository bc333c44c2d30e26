from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, git, run_program, write_files
from support.programs import programs_folder

from registry_tool.api.registry import open_registry
from registry_tool.demo.model import load, measure, save, texts, train
from registry_tool.errors import UsageError


def test_the_demo_does_the_main_job(tmp_path: Path) -> None:
    ran = run_program("demo", cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    demo = tmp_path / "registry-demo"
    commands = [line for line in ran.out.splitlines() if line.startswith("$ ")]
    for words in ("registry init", "version add", "registry check", "git push", "alias set",
                  "registry resolve", "registry fetch", "dvc pull"):  # fmt: skip
        assert any(words in command for command in commands), words
    with open_registry(f"file://{demo}/remote.git") as registry:
        version = registry.version("nlp/lang-id@production")
        assert (version.version, registry.version("nlp/lang-id@first").version) == ("2", "1")
        accuracy = version.metrics["accuracy"]
        first = registry.version("nlp/lang-id@1").metrics["accuracy"]
        digest = version.artifact().sha256
    assert isinstance(accuracy, float)
    assert isinstance(first, float)
    assert 0.9 < first < accuracy < 1
    restored = demo / "clone/models/nlp/lang-id/versions/2/lang-id.json"
    assert hashlib.sha256(restored.read_bytes()).hexdigest() == digest
    assert measure(load(restored), texts().held_out)["accuracy"] == accuracy
    assert "refused: nlp/lang-id already has a tag first" in ran.out
    assert "fr: Demain nous allons peindre la cuisine." in ran.out
    assert git(demo / "registry", "status", "--porcelain") == ""
    assert git(demo / "clone", "status", "--porcelain") == ""
    checked = run_program("check", "--all", cwd=demo / "clone")
    assert checked.code == 0, checked.out


@pytest.mark.long
def test_the_commands_it_shows_do_the_same_when_typed(tmp_path: Path) -> None:
    shown = run_program("demo", "shown", cwd=tmp_path).out
    (tmp_path / "typed").mkdir()
    lines = [line.removeprefix("$ ") for line in shown.splitlines() if line.startswith("$ ")]
    script = "\n".join(["set -e", *lines]).replace(f"{tmp_path}/shown/", f"{tmp_path}/typed/")
    script = script.replace("\nregistry tag add", "\n! registry tag add")
    places = (programs_folder(), Path(sys.executable).parent, os.environ["PATH"])
    programs = os.pathsep.join(map(str, places))
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path / "typed", env={**os.environ, "PATH": programs},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    path = "clone/models/nlp/lang-id/versions/2/lang-id.json"
    assert (tmp_path / "typed" / path).read_bytes() == (tmp_path / "shown" / path).read_bytes()


def test_the_demo_needs_no_identity_and_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{role}_NAME")
        monkeypatch.delenv(f"GIT_{role}_EMAIL")
    settings = "[user]\n\tuseConfigOnly = true\n"
    (home / ".gitconfig").write_text(settings)
    ran = run_program("demo", "a first look", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert "rm -r 'a first look'" in ran.out
    assert (home / ".gitconfig").read_text() == settings
    assert not Path(os.environ["REGISTRY_CACHE"]).exists()
    assert [p.name for p in tmp_path.iterdir()] == ["a first look"]


def test_a_folder_that_is_there_is_not_touched(cli: Callable[..., Ran], tmp_path: Path) -> None:
    write_files(tmp_path, {"registry-demo/mine": "x"})
    ran = cli("demo", cwd=tmp_path)
    assert (ran.code, ran.out) == (1, "")
    assert "already exists" in ran.err
    assert [p.name for p in (tmp_path / "registry-demo").iterdir()] == ["mine"]
    (tmp_path / "file").write_text("")
    assert cli("demo", "file/below", cwd=tmp_path).code == 4
    assert cli("demo", "100%", cwd=tmp_path).code == 2
    assert not (tmp_path / "100%").exists()


def test_the_model_is_the_same_every_time(tmp_path: Path) -> None:
    known = texts()
    assert {len(v) for v in known.learning.values()} == {16}
    assert {len(v) for v in known.held_out.values()} == {8}
    assert not {s for v in known.learning.values() for s in v} & {
        s for v in known.held_out.values() for s in v
    }
    files = [save(train(known.learning, order=3), tmp_path / name) for name in ("a", "b")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert load(files[0]) == train(known.learning, order=3)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"order": 2, "counts": []}', '{"order": "x", "counts": {}}', "\xff"],
)
def test_a_file_that_is_no_model_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / "m").write_bytes(content.encode("latin-1"))
    with pytest.raises(UsageError, match="is not a model of this demo"):
        load(tmp_path / "m")
