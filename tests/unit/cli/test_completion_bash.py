"""Completion in bash: what a script asks, and what a person sees who presses the tabulator."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import run_program
from support.manifests import small_registry

BREAKS = " \t\n\"'@><=;|&(:"
BASH = shutil.which("bash")


@pytest.fixture
def root(make_registry: Callable[..., Path]) -> Path:
    return make_registry(small_registry())


def offered(line: str, root: Path, breaks: str = BREAKS) -> list[str]:
    env = {
        "_REGISTRY_COMPLETE": "bash_complete",
        "COMP_LINE": line,
        "COMP_WORDBREAKS": breaks,
    }
    ran = run_program(cwd=root, env=env)
    assert (ran.code, ran.err) == (0, "")
    return ran.out.splitlines()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("registry res", ["plain,resolve"]),
        ("registry resolve ", ["plain,nlp/"]),
        ("registry resolve nlp/lang-id@p", ["plain,@production"]),
        ('registry resolve "nlp/lang-id@p', ["plain,nlp/lang-id@production"]),
        ("registry resolve --format=j", ["plain,json"]),
        ("registry rules ", ["plain,A501"]),
        ("registry version add nlp/lang-id --artifact model=../m", ["file,model=../m"]),
        ('registry annotate --description "two words" nlp/l', ["plain,nlp/lang-id"]),
    ],
)
def test_what_bash_replaces_is_what_follows_the_last_break(
    root: Path, line: str, expected: list[str]
) -> None:
    assert offered(line, root)[:1] == expected


def test_without_breaks_the_whole_word_is_replaced(root: Path) -> None:
    assert offered("registry resolve nlp/lang-id@p", root, "") == ["plain,nlp/lang-id@production"]


def _until(terminal: int, end: bytes) -> bytes:
    """What the terminal shows, up to an end: a line typed sooner would be edited by the system, not by bash."""
    shown = b""
    while not shown.endswith(end):
        shown += os.read(terminal, 4096)
    return shown


def on_a_terminal(lines: list[str], folder: Path) -> str:
    """All that an interactive bash shows."""
    ours, theirs = pty.openpty()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PS1": "ready> ", "HISTFILE": "", "INPUTRC": "/dev/null"}
    bash = subprocess.Popen(
        [str(BASH), "--norc", "--noprofile", "-i"],
        stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=env, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    shown = _until(ours, b"ready> ")
    for line in lines:
        os.write(ours, f"{line}\n".encode())
        shown += _until(ours, b"ready> ")
    os.write(ours, b"exit\n")
    code = bash.wait()
    os.close(ours)
    assert code == 0, shown
    return shown.decode().replace("\r", "")


@pytest.mark.skipif(BASH is None, reason="there is no bash")
@pytest.mark.parametrize("reference", ["n\tl\t\x7f@pro\t", '"nlp/lang-id@pro\t'])
def test_a_person_presses_the_tabulator(root: Path, reference: str) -> None:
    shown = on_a_terminal(
        [
            'eval "$(_REGISTRY_COMPLETE=bash_source registry)"',
            f"registry resolve {reference}--format json > ../out.json",
        ],
        root,
    )
    assert '"version": "1"' in (root.parent / "out.json").read_text(encoding="utf-8"), shown
