"""``tests/corpus/expand.py``: a case as a Git repository, which the real program judges as the case expects."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support import git, run_program
from support.corpus_cases import CORPUS, case_paths

SCRIPT = CORPUS / "expand.py"
CASES = (
    "F101/bad/open-quote",
    "C401/bad/version-deleted",
    "C403/bad/tag-again",
    "F109/bad/link-to-an-alias",
)


def expand(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", CASES)
def test_the_program_finds_in_an_expanded_case_what_the_case_expects(
    name: str, tmp_path: Path
) -> None:
    done = expand(name, str(tmp_path / "a b"))
    assert (done.returncode, done.stderr) == (0, "")
    command, expected = done.stdout.split("\nexpected:\n")
    assert command.startswith("registry check ")
    found = run_program(*shlex.split(command)[1:], cwd=tmp_path)
    assert found.code == 1
    told = [line for line in found.out.splitlines() if ": refuse " in line]
    assert [line.replace(": refuse ", " ") for line in told] == expected.splitlines()


def test_names_that_git_does_not_check_out_are_in_the_repository(tmp_path: Path) -> None:
    done = expand("F116/bad/spellings-of-git", str(tmp_path / "r"))
    assert done.returncode == 0
    assert "Git cannot check these files out" in done.stdout
    assert "docs/git~1/config" in git(tmp_path / "r", "ls-tree", "-r", "--name-only", "HEAD")


def test_a_list_of_all_cases() -> None:
    names = expand("--list").stdout.splitlines()
    assert len(names) == len(case_paths("good")) + len(case_paths("bad"))
    assert set(CASES) <= set(names)


def test_what_cannot_be_expanded_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    for arguments, words in (
        (["F101/bad/nothing", str(tmp_path / "r")], "No such file"),
        (["F101/bad/open-quote", str(tmp_path / "full")], "is not empty"),
        (["F101/bad/open-quote"], "CASE and DIR are required"),
    ):
        done = expand(*arguments)
        assert done.returncode == 2
        assert words in done.stderr
        assert "Traceback" not in done.stderr
