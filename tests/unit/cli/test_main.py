from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from support import Ran, write_files
from support.manifests import model_yaml, small_registry

from registry_tool.cli.main import COMMANDS
from registry_tool.cli.main import cli as program

Make = Callable[..., Path]
Cli = Callable[..., Ran]
READS = ("check", "compare", "fetch", "list", "resolve", "rules", "search", "show")


@pytest.mark.parametrize("name", READS)
def test_help_has_examples_and_needs_no_registry(cli: Cli, tmp_path: Path, name: str) -> None:
    ran = cli(name, "--help", cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert "\n  Examples:\n" in ran.out
    assert f"    registry {name}" in ran.out


@pytest.mark.parametrize("name", READS)
def test_the_table_finds_each_command(name: str) -> None:
    assert name in COMMANDS
    command = program.get_command(click.Context(program), name)
    assert command is not None
    assert command.name == name


@pytest.mark.parametrize("arguments", [["list"], ["check"], ["rules"], ["show", "nlp/lang-id"]])
def test_a_reader_that_goes_away(make_registry: Make, arguments: list[str]) -> None:
    ran = _without_reader(make_registry(small_registry()), arguments)
    assert ran == (0, "")


def test_a_reader_that_goes_away_does_not_change_the_verdict(make_registry: Make) -> None:
    root = make_registry(small_registry())
    write_files(root, {"models/nlp/lang-id/model.yaml": model_yaml(owner=None)})
    assert _without_reader(root, ["check", "--format", "json"]) == (1, "")


def _without_reader(root: Path, arguments: list[str]) -> tuple[int, str]:
    command = [sys.executable, "-m", "registry_tool", *arguments]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.close()
        words = run.stderr.read().decode()
    return run.returncode, words


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_no_space_left(make_registry: Make) -> None:
    root = make_registry(small_registry())
    command = [sys.executable, "-m", "registry_tool", "list"]
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(command, cwd=root, stdout=full, stderr=subprocess.PIPE, check=False)
    assert ran.returncode == 4
    assert b"no space left" in ran.stderr
    assert b"bug" not in ran.stderr
