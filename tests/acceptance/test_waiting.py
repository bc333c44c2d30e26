"""Several commands in one clone at once: they wait for each other, say so, and all succeed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from support import git, run_program
from support.manifests import small_registry
from support.programs import run_programs_at_once

WRITERS = 8
FOLDER = "models/nlp/lang-id"

_HOLDER = """
import sys
from pathlib import Path
from threading import Event
from registry_tool.git.transaction.recovery import exclusive
from registry_tool.git.command import find_repository
sys.argv = ["registry", "version", "add", "nlp/lang-id", "--metadata", "secret=1"]
with exclusive(find_repository(Path.cwd())):
    print("held", flush=True)
    Event().wait(2.5)
"""


@pytest.fixture
def root(make_registry: Callable[..., Path]) -> Path:
    return make_registry(small_registry(versions=("1",)))


@pytest.mark.parametrize("how", [(), ("--commit",)], ids=["files", "commits"])
def test_eight_versions_added_at_once(root: Path, tmp_path: Path, how: Sequence[str]) -> None:
    commands = []
    for number in range(WRITERS):
        weights = tmp_path / str(number) / "weights.bin"
        weights.parent.mkdir()
        weights.write_bytes(f"weights {number}".encode())
        added = ["version", "add", "nlp/lang-id", "--artifact", str(weights), "--format", "json"]
        commands.append([*added, *how])
    ended = run_programs_at_once(*commands, cwd=root)
    assert [code for code, _, _ in ended] == [0] * WRITERS, [err for _, _, err in ended]
    made = {json.loads(out)["message"] for _, out, _ in ended}
    assert made == {f"Add nlp/lang-id@{number}" for number in range(2, 2 + WRITERS)}
    versions = {path.parent.name for path in root.glob(f"{FOLDER}/versions/*/version.yaml")}
    assert versions == {str(number) for number in range(1, 2 + WRITERS)}
    if how:
        assert git(root, "status", "--porcelain") == ""
        assert git(root, "rev-list", "--count", "HEAD") == str(1 + WRITERS)
    assert run_program("check", "--all", cwd=root).code == 0
    assert git(root, "fsck", "--strict", "--no-dangling") == ""
    fetched = run_program("fetch", "nlp/lang-id@9", "-o", str(tmp_path / "out"), cwd=root)
    assert fetched.code == 0, fetched.err


def test_who_waits_says_for_whom(root: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", _HOLDER], cwd=root, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    ran = run_program("tag", "add", "nlp/lang-id@1", "v1", "--commit", "--format", "json", cwd=root)
    holder.communicate()
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["message"] == "Tag nlp/lang-id@1 as v1"
    waiting = rf"note:  waiting for another registry command \(pid {holder.pid}, `registry version add nlp/lang-id …`, since \d s\) …\n"  # fmt: skip
    assert re.fullmatch(waiting, ran.err)
    assert (root / ".git/registry-tool.lock").read_bytes().strip() == b""


def test_who_does_not_wait_for_long_says_nothing(root: Path) -> None:
    commands = [["alias", "set", "nlp/lang-id@1", name, "--commit"] for name in "ab"]
    ended = run_programs_at_once(*commands, cwd=root)
    assert [code for code, _, _ in ended] == [0, 0]
    assert git(root, "status", "--porcelain") == ""


def test_readers_do_not_wait(root: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", _HOLDER], cwd=root, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    for command in (["resolve", "nlp/lang-id@production"], ["check", "--all"], ["list"]):
        ran = run_program(*command, cwd=root)
        assert (ran.code, ran.err) == (0, "")
    assert holder.poll() is None
    holder.communicate()
