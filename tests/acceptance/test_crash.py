"""Commands that are killed: the old state or the new, said so, and the next command goes on from there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from support import git, run_program
from support.manifests import small_registry

HARNESS = Path(__file__).parents[1] / "benchmarks" / "kills.py"
FOLDER = "models/nlp/lang-id"
ADD = ("version", "add", "nlp/lang-id", "--framework", "fasttext", "--tag", "third")
MOVE = ("alias", "set", "nlp/lang-id@2", "production")

# Kills its own process when Python is about to do something for the first time: an event of sys.audit whose
# arguments hold some words.
_KILLED = """
import os, signal, sys
event, words, *arguments = sys.argv[1:]
def hook(name, values):
    if name == event and words in " ".join(map(str, values)):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
from registry_tool.cli.main import run
sys.exit(run(arguments))
"""


def killed(event: str, words: str, *arguments: str, cwd: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, event, words, *arguments],
        cwd=cwd,
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """The remote, outside any checkout."""
    return tmp_path / "storage"


@pytest.fixture
def root(make_registry: Callable[..., Path]) -> Path:
    """``nlp/lang-id`` 1 and 2; ``production`` and ``first`` are 1."""
    files = small_registry()
    files[".dvc/config"] = files[".dvc/config"].replace("../storage", "../../storage")
    return make_registry(files)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    place = tmp_path / "weights.bin"
    place.write_bytes(b"weights" * 1000)
    return place


def stands(root: Path) -> list[str]:
    """What of the registry is seen from outside."""
    asked = (["for-each-ref"], ["status", "--porcelain"], ["ls-files", "--stage"], ["diff", "HEAD"])
    return [git(root, *words) for words in asked]


# --- the harness --------------------------------------------------------------------------------------------------


def _harness(tmp_path: Path, *arguments: str) -> dict[str, dict[str, int]]:
    figures = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, str(HARNESS), *arguments, "--json", str(figures)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    data = json.loads(figures.read_text(encoding="utf-8"))
    assert data["broken"] == []
    counts: dict[str, dict[str, int]] = data["counts"]
    return counts


@pytest.mark.long
def test_at_random_moments_nothing_breaks(tmp_path: Path) -> None:
    counts = _harness(tmp_path, "--kills", "24", "--seed", "20261121")
    assert sum(count.get("killed", 0) for count in counts.values()) > 0
    assert sum(count.get("old", 0) + count.get("new", 0) for count in counts.values()) == 24


@pytest.mark.parametrize(
    ("operation", "stride"),
    [("alias set --commit", 1), ("tag add", 1), ("version add", 5), ("version add --commit", 7), ("fetch -o", 5)],
)  # fmt: skip
@pytest.mark.long
def test_at_chosen_steps_nothing_breaks(tmp_path: Path, operation: str, stride: int) -> None:
    counts = _harness(tmp_path, "--every-step", str(stride), "--operation", operation)[operation]
    assert counts["killed"] * stride > 10
    assert counts["old"] > 0
    assert counts["new"] > 0 or operation == "fetch -o"


# --- before anything can be seen ----------------------------------------------------------------------------------

MOMENTS = {
    "reading the file": ("open", "weights.bin"),
    "the object is being written": ("open", "/storage/tmp/"),
    "the object is written and not in place": ("os.rename", "/storage/files/md5/"),
    "the lock": ("open", "registry-tool.lock"),
    "the first Git object": ("os.rename", "/.git/objects/"),
    "Git is kept away": ("os.link", "index.lock"),
    "the index is made": ("subprocess.Popen", "update-index"),
    "the journal is written": ("open", "workshop/journal"),
    "the journal is in place": ("os.rename", "workshop/journal"),
    "the branch moves": ("subprocess.Popen", "update-ref"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_old_state_and_the_next_one_works(root: Path, weights: Path, moment: str) -> None:
    before = stands(root)
    killed(*MOMENTS[moment], *ADD, "--artifact", str(weights), "--commit", cwd=root)
    assert stands(root) == before
    ran = run_program(*ADD, "--artifact", str(weights), "--commit", cwd=root)
    assert ran.code == 0, ran.err
    assert ran.err == ""
    assert "Add nlp/lang-id@3" in ran.out
    assert run_program("check", "--all", cwd=root).code == 0
    assert run_program("fetch", "nlp/lang-id@3", cwd=root).code == 0
    assert git(root, "fsck", "--strict", "--no-dangling") == ""
    assert git(root, "status", "--porcelain") == ""


# --- half way -----------------------------------------------------------------------------------------------------


def test_after_the_branch_moved_everybody_is_told_and_anybody_mends_it(root: Path) -> None:
    killed("os.rename", "workshop/index ", *MOVE, "--commit", cwd=root)
    assert git(root, "log", "-1", "--format=%s") == "Move nlp/lang-id@production from 1 to 2"
    assert git(root, "status", "--porcelain") == f"M  {FOLDER}/aliases/production.yaml"
    checked = run_program("check", cwd=root)
    assert checked.code == 4
    assert "was interrupted in" in checked.err
    assert "Move nlp/lang-id@production from 1 to 2" in checked.err
    assert "try:   registry recover" in checked.err
    read = run_program("resolve", "nlp/lang-id@production", "--format", "json", cwd=root)
    assert json.loads(read.out)["version"] == "1"
    assert read.err.splitlines()[:2] == [
        "note:  a registry command was interrupted here: Move nlp/lang-id@production from 1 to 2",
        "  try: registry recover",
    ]
    at_head = run_program("resolve", "nlp/lang-id@production", "--ref", "HEAD", cwd=root)
    assert (at_head.code, at_head.err) == (0, "")
    # Git builds nothing on a state in between.
    with pytest.raises(AssertionError, match=r"index\.lock"):
        git(root, "commit", "--quiet", "-am", "Mine")
    mended = run_program("recover", cwd=root)
    assert mended.code == 0, mended.err
    said = "completed an interrupted command: Move nlp/lang-id@production from 1 to 2\n"
    assert mended.out == said
    assert git(root, "status", "--porcelain") == ""
    assert run_program("check", "--all", cwd=root).code == 0
    assert run_program("recover", cwd=root).out == "nothing to recover\n"


@pytest.mark.parametrize("how", [(), ("--commit",)], ids=["files", "commit"])
def test_the_next_command_that_writes_says_what_it_finished(
    root: Path, weights: Path, how: Sequence[str]
) -> None:
    killed(
        "os.rename", f"{FOLDER}/tags/third.yaml", *ADD, "--artifact", str(weights), *how, cwd=root
    )
    ran = run_program("alias", "set", "nlp/lang-id@3", "champion", *how, cwd=root)
    assert ran.code == 0, ran.err
    said = "note:  completed an interrupted command: Add nlp/lang-id@3"
    assert ran.err.splitlines()[0] == said
    assert run_program("fetch", "nlp/lang-id@third", cwd=root).code == 0
    assert run_program("check", "--all", cwd=root).code in {
        0,
        3,
    }  # two kinds of change ask for a review
    lying = git(root, "status", "--porcelain", "--untracked-files=all").splitlines()
    assert len(lying) == (0 if how else 4)


def test_what_was_edited_in_between_is_left_alone(root: Path) -> None:
    alias = root / FOLDER / "aliases/production.yaml"
    killed("os.rename", "workshop/index ", *MOVE, "--commit", cwd=root)
    alias.write_text(alias.read_text(encoding="utf-8") + "reason: mine\n", encoding="utf-8")
    mended = run_program("recover", cwd=root)
    assert f"left unchanged: {FOLDER}/aliases/production.yaml" in mended.out
    assert alias.read_text(encoding="utf-8").endswith("reason: mine\n")
    assert git(root, "status", "--porcelain") == f" M {FOLDER}/aliases/production.yaml"


def test_a_lock_that_a_killed_git_left_is_explained(root: Path) -> None:
    lock = root / ".git/index.lock"
    lock.write_bytes(b"DIRC")
    ran = run_program(*MOVE, "--commit", cwd=root)
    assert ran.code == 4
    assert "waiting for a git command that holds the index" in ran.err
    assert f"if no git command is running: rm {lock}" in ran.err
    lock.unlink()
    assert run_program(*MOVE, "--commit", cwd=root).code == 0


def test_a_broken_journal_stops_nobody(root: Path) -> None:
    killed("os.rename", "workshop/index ", *MOVE, "--commit", cwd=root)
    journal = root / ".git/registry-tool/journal"
    journal.write_bytes(journal.read_bytes()[:-20])
    ran = run_program("recover", cwd=root)
    assert ran.code == 0
    assert "cannot be read and was moved to" in ran.out
    assert git(root, "status", "--porcelain") != ""
    git(root, "restore", "--staged", "--worktree", ".")
    assert run_program("check", "--all", cwd=root).code == 0


def test_interrupted_from_the_keyboard_is_finished_too(root: Path) -> None:
    """An interrupt after the branch moved cannot take it back: the next command goes on."""
    # A shell starts what it runs in the background with the interrupt ignored, and children inherit that.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code = heard + _KILLED.replace("signal.SIGKILL", "signal.SIGINT")
    done = subprocess.run(
        [sys.executable, "-c", code, "os.rename", "workshop/index ", *MOVE, "--commit"],
        cwd=root, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 130
    assert not (root / ".git/index.lock").exists()
    assert run_program("recover", cwd=root).out.startswith("completed an interrupted command")
    assert git(root, "status", "--porcelain") == ""


# --- leftovers ----------------------------------------------------------------------------------------------------


def _old(place: Path) -> None:
    os.utime(place, (0, 0))


def test_what_killed_uploads_left_goes_after_a_day(
    root: Path, storage: Path, weights: Path
) -> None:
    killed("os.rename", "/storage/files/md5/", *ADD, "--artifact", str(weights), cwd=root)
    (left,) = (storage / "tmp").iterdir()
    weights.write_bytes(b"others")
    assert (
        run_program("version", "add", "nlp/lang-id", "--artifact", str(weights), cwd=root).code == 0
    )
    assert list((storage / "tmp").iterdir()) == [left]  # it may be that of another machine
    _old(left)
    weights.write_bytes(b"yet others")
    assert (
        run_program("version", "add", "nlp/lang-id", "--artifact", str(weights), cwd=root).code == 0
    )
    assert list((storage / "tmp").iterdir()) == []


def test_what_a_killed_fetch_left_beside_its_place_goes_with_the_next(
    root: Path, weights: Path, tmp_path: Path, home: Path
) -> None:
    assert run_program(*ADD, "--artifact", str(weights), cwd=root).code == 0
    out = tmp_path / "out"
    fetch = ("fetch", "nlp/lang-id@3", "-o", str(out))
    killed("os.rename", f"{out}/weights.bin", *fetch, cwd=root)
    assert [path.name[:13] for path in out.iterdir()] == [".weights.bin."]
    ran = run_program(*fetch, cwd=root)
    assert ran.code == 0, ran.err
    assert [path.name for path in out.iterdir()] == ["weights.bin"]
    assert (out / "weights.bin").read_bytes() == weights.read_bytes()
    assert list((home / ".cache/registry-tool/tmp").iterdir()) == []


def test_what_was_being_replaced_is_put_back(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "a").write_bytes(b"new")
    assert run_program(*ADD, "--artifact", str(folder), cwd=root).code == 0
    out = tmp_path / "out"
    (out / "parts").mkdir(parents=True)
    (out / "parts/mine").write_bytes(b"mine")
    fetch = ("fetch", "nlp/lang-id@3", "-o", str(out))
    killed("os.rename", f".tmp/new {out}/parts", *fetch, "--overwrite", cwd=root)
    assert not (out / "parts").exists()
    ran = run_program(*fetch, cwd=root)
    assert ran.code == 1
    assert (out / "parts/mine").read_bytes() == b"mine"
    assert [path.name for path in out.iterdir()] == ["parts"]
    assert run_program(*fetch, "--overwrite", cwd=root).code == 0
    assert [path.name for path in (out / "parts").iterdir()] == ["a"]
